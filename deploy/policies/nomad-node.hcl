# What the node role may do in Nomad. test/contracts/nomad-policies.test.ts asks a real Nomad for everything that
# the role asks for, with this file and without each of its rules.
#
# As a job of Nomad it gets this by its workload identity:
#   nomad acl policy apply -job dd-observe-node dd-observe-node nomad-node.hcl
# Elsewhere by a token: nomad acl token create -name dd-observe-node -policy dd-observe-node
# Without Nomad's telemetry and the reload nomad:… the role asks Nomad for nothing, and needs none of it.

# This machine's node, its version, and the telemetry that it runs with.
agent {
  policy = "read"
}

# Whether this machine is ready, and what runs on it.
node {
  policy = "read"
}

# Whether Nomad's servers are well before one is restarted (restart: rolling).
operator {
  policy = "read"
}

# DD_OBSERVE_AGENT_RELOAD=nomad:<job>/<task>: finds the allocation of the Agent's job on this machine, and restarts or
# signals its task. Put the namespace of that job here.
namespace "default" {
  capabilities = ["read-job", "alloc-lifecycle"]
}
