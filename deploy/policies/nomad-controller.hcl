# What the controller role may do in Nomad: with DD_OBSERVE_NOMAD_SERVICES=on, which both roles need it for, and where
# services have an environment (docs/ai-agents.md). Without it the latter is published all the same.
# test/contracts/nomad-policies.test.ts asks a real Nomad for it, with this file and without its rule.

# Names and tags of the services that Nomad registers itself; jobs and their allocations, to tell whether these take an
# environment. "*", so that a namespace that may not be read is never taken for one that is empty; or the namespaces of
# DD_OBSERVE_NOMAD_NAMESPACES, and those of the jobs.
namespace "*" {
  capabilities = ["read-job"]
}
