# What the controller role may do in Nomad: only with DD_OBSERVE_NOMAD_SERVICES=on, which both roles need it for.
# test/contracts/nomad-policies.test.ts asks a real Nomad for it, with this file and without its rule.

# Names and tags of the services that Nomad registers itself. "*", so that a namespace that may not be read
# is never taken for one that is empty; or the namespaces of DD_OBSERVE_NOMAD_NAMESPACES.
namespace "*" {
  capabilities = ["read-job"]
}
