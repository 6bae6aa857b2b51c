"""What the worker's kinds of jobs are called."""

from kernel.edges.resources import Label, Labels
from kernel.i18n import N_

JOB_KINDS: Labels = {
    "audit.verify": Label(N_("Verify the audit trail")),
    "backup.drill": Label(N_("Restore drill")),
    "backup.due": Label(N_("Start what backup plans have due")),
    "backup.mend": Label(N_("Mend a replica")),
    "backup.replicate": Label(N_("Copy to all sites")),
    "backup.run": Label(N_("Back up")),
    "backup.verify": Label(N_("Verify replicas")),
    "ca.batch-file": Label(N_("File the requests of a batch")),
    "ca.batch-issue": Label(N_("Issue the certificates of a batch")),
    "ca.batch-keys": Label(N_("Make the key files of a batch")),
    "ca.renewals": Label(N_("Remind of certificates that end")),
    "ca.crl-refresh": Label(N_("Publish revocation lists that are due")),
    "ca.expire": Label(N_("Mark certificates past their end")),
    "ca.recover": Label(N_("Finish interrupted issues")),
    "ca.renew-services": Label(N_("Renew the services' certificates")),
    "evidence.seal": Label(N_("Seal evidence")),
    "evidence.verify": Label(N_("Verify all evidence")),
    "monitor.poll": Label(N_("Poll devices")),
    "monitor.prune": Label(N_("Remove old measurements")),
    "monitor.record": Label(N_("Record the state of the network as evidence")),
    "monitor.tls": Label(N_("Check TLS endpoints")),
    "monitor.topology": Label(N_("Compare the network with the register")),
    "netops.collect": Label(N_("Collect configurations")),
    "netops.expire": Label(N_("End exceptions past their date")),
    "netops.verify": Label(N_("Verify the configuration archive")),
    "policies.assess": Label(N_("Assess a system")),
    "policies.export": Label(N_("Make an evidence package")),
    "policies.suite": Label(N_("Collect evidence of the suite itself")),
    "siem.process": Label(N_("Process waiting events")),
    "siem.record": Label(N_("Record the state of the logs as evidence")),
    "siem.test-rules": Label(N_("Test the rules of detection")),
    "siem.retain": Label(N_("Delete logs past their time")),
}
