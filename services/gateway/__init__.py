"""Gateway: the front door.

Owns: organizations, their clients and secrets, delegations, documents, signing keys, quotas, the
merged public surface. Does not own: supply, demand or deals; it decides nothing about them and
implements nothing a second time: requests go through by path template.
Reads the feeds of: nobody yet.
Promises: every forwarded request carries a token that one service can verify for sixty seconds; a
revoked client or delegation is refused within seconds.
"""
