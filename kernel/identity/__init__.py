"""Who may do what: units, users, roles, permissions, sessions, approvals."""
