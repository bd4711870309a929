# What the node role may do in Consul besides consul-node.hcl, where it may restart Nomad (DD_OBSERVE_NOMAD_RESTART).
# test/contracts/restart-policy.test.ts runs a restart with this file, and without each of its rules.

# The lock, how far the rolling restart has come, and which machines wait.
key_prefix "dd-observe/restart/" { policy = "write" }

# The session that holds the lock. Narrow it to this machine: session "node-1" { policy = "write" }
session_prefix "" { policy = "write" }
