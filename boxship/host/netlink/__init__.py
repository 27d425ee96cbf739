"""A little rtnetlink, packed by hand: a container's whole attachment is one send, and the daemon stays small.

A netlink library would cost 30 MiB and half a second at start for the dozen messages used here.
Sources: rtnetlink(7), linux/if_link.h, linux/if_addr.h, linux/rtnetlink.h.
"""
