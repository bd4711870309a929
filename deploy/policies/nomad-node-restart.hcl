# What the node role may do in Nomad where it may restart it (DD_OBSERVE_NOMAD_RESTART): only look.
# The restart itself is the machine's own command; Nomad's API has none.

# What the agent runs with.
agent { policy = "read" }

# Whether all servers are healthy.
operator { policy = "read" }

# Whether this machine is ready again.
node { policy = "read" }

# Whether what ran on it runs again.
namespace "*" { capabilities = ["read-job"] }
