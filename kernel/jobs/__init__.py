"""The transactional job queue: leases, retries, schedules, progress, cancellation."""
