"""Reports for people: what audit logs come to, in one file that a browser opens without a network.

Rule of this room: `counts` reads every line once, in bounded memory; `parts` gives the figures as JSON values; `page`
only shows them. Each figure names the command that gives it again.
"""
