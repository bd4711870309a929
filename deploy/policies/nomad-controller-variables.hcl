# What the controller role may do in Nomad besides nomad-controller.hcl where a wish says nomadVariable: true
# (docs/ai-agents.md). Nobody else needs it: it opens what else stands in these Variables, such as keys.
# test/contracts/nomad-policies.test.ts asks a real Nomad for it, with this file and without each capability.

# The Variables of jobs. Put their namespaces here, and their names: path "nomad/jobs/support".
namespace "*" {
  variables {
    path "nomad/jobs/*" {
      capabilities = ["read", "write", "destroy"]
    }
  }
}
