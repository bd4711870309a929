# What the node role may do in Consul. One policy for all machines; better one for each, see below.
# test/contracts/policies.test.ts runs the role with this file, and without each of its rules.
#
# The keys observability/.keep and dd-observe/control/.keep must be there, see consul-controller.hcl.
# The prefixes are the defaults of DD_OBSERVE_KV_PREFIX and DD_OBSERVE_STATE_PREFIX.

# The services of this machine, with address and port. "read" on all of them, so that a service
# that may not be read is never taken for one that is gone.
node_prefix "" { policy = "read" }
service_prefix "" { policy = "read" }

# The documents. "list" is "read", and the right to list where acl.enable_key_list_policy is set.
key_prefix "observability/" { policy = "list" }

# What people order: pause, resume, approve.
key_prefix "dd-observe/control/" { policy = "list" }

# What the node says of its services. With a policy for each machine, put its name after "nodes/":
# then nobody can speak for another machine. The same holds for the backups.
key_prefix "dd-observe/status/nodes/" { policy = "write" }

# The last text of each file before it was deleted or set right.
key_prefix "dd-observe/backups/nodes/" { policy = "write" }

# The datacenter and this machine's name in Consul.
# Not needed with DD_OBSERVE_CLUSTER_ID and DD_OBSERVE_NODE_NAME.
agent_prefix "" { policy = "read" }
