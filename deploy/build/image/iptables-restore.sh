#!/bin/sh
# The kernel's newer interface, or else the older one: some nodes have only one of them.
# Each applies all rules of its input or none.
rules=$(cat)
printf '%s\n' "$rules" | iptables-nft-restore "$@" && exit 0
echo "iptables-restore: nf_tables refused, trying the older interface" >&2
printf '%s\n' "$rules" | exec iptables-legacy-restore "$@"
