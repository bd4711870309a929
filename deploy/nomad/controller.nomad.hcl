# The controller: everything on Datadog's side. Two processes; one leads, the other takes over.
#
#   nomad var put nomad/jobs/dd-observe-controller api_key=… app_key=…
#   nomad job run controller.nomad.hcl
#
# What else it needs, and every variable with an example: README.md beside this file.

variable "driver" {
  description = "docker, exec or raw_exec."
  type        = string
  default     = "exec"
  validation {
    condition     = contains(["docker", "exec", "raw_exec"], var.driver)
    error_message = "The driver must be docker, exec or raw_exec."
  }
}

variable "image" {
  description = "For docker: an image made of deploy/Dockerfile."
  type        = string
  default     = "dd-observe:latest"
}

variable "program" {
  description = "For exec and raw_exec: where the executable is on each machine. Unused with artifact."
  type        = string
  default     = "/usr/local/bin/dd-observe"
}

variable "artifact" {
  description = "For exec and raw_exec: where to download it, https://…/dd-observe-linux-x64?checksum=sha256:… (SHA256SUMS has the sum)."
  type        = string
  default     = ""
}

variable "datacenters" {
  type    = list(string)
  default = ["*"]
}

variable "count" {
  description = "Processes. One leads; two are enough."
  type        = number
  default     = 2
}

variable "spread" {
  description = "Each process on a machine of its own. False where there is one machine."
  type        = bool
  default     = true
}

variable "keys" {
  description = "Where Datadog's keys are: variables (nomad/jobs/dd-observe-controller) or vault."
  type        = string
  default     = "variables"
  validation {
    condition     = contains(["variables", "vault"], var.keys)
    error_message = "The keys must be in variables or in vault."
  }
}

variable "vault_secret" {
  description = "For vault: path of the secret (KV version 2) with api_key and app_key."
  type        = string
  default     = "secret/data/dd-observe"
}

variable "consul_acl" {
  description = "Whether Consul has ACLs: each process then gets a token by its workload identity."
  type        = bool
  default     = false
}

variable "nomad_acl" {
  description = "Whether Nomad has ACLs: each process then gets a token by its workload identity."
  type        = bool
  default     = false
}

variable "settings" {
  description = "Further settings: docs/reference/configuration.md."
  type        = map(string)
  default     = { DD_SITE = "datadoghq.com" }
}

locals {
  # Written again, and the process restarted, when the keys change.
  keys_in_variables = <<-EOT
    {{ with nomadVar "nomad/jobs/dd-observe-controller" }}
    DD_API_KEY={{ .api_key }}
    DD_APP_KEY={{ .app_key }}
    {{ end }}
  EOT

  keys_in_vault = <<-EOT
    {{ with secret "${var.vault_secret}" }}
    DD_API_KEY={{ .Data.data.api_key }}
    DD_APP_KEY={{ .Data.data.app_key }}
    {{ end }}
  EOT
}

job "dd-observe-controller" {
  type        = "service"
  datacenters = var.datacenters

  # One after the other, the next when the last is ready: somebody leads all the time.
  update {
    max_parallel      = 1
    health_check      = "checks"
    min_healthy_time  = "10s"
    healthy_deadline  = "5m"
    progress_deadline = "10m"
    auto_revert       = true
  }

  # When a machine is drained.
  migrate {
    max_parallel     = 1
    health_check     = "checks"
    min_healthy_time = "10s"
    healthy_deadline = "5m"
  }

  group "controller" {
    count = var.count

    dynamic "constraint" {
      for_each = var.spread ? [true] : []
      content {
        operator = "distinct_hosts"
        value    = "true"
      }
    }

    restart {
      attempts = 5
      interval = "10m"
      delay    = "5s"
      mode     = "fail"
    }

    # Without end: a cluster without a controller is worse than one that tries again and again.
    reschedule {
      delay          = "10s"
      delay_function = "exponential"
      max_delay      = "5m"
      unlimited      = true
    }

    network {
      port "http" {}
    }

    # dd-observe observes itself. It listens on loopback, where the Agent of the same machine asks; any other
    # address would need a token, which an Agent's file can't hold.
    service {
      name     = "dd-observe"
      provider = "consul"
      port     = "http"
      address  = "127.0.0.1"
      tags     = ["dd-observe"]

      # A process whose watches have had no answer for minutes is started anew.
      check {
        name     = "healthz"
        type     = "http"
        path     = "/healthz"
        interval = "10s"
        timeout  = "3s"
        check_restart {
          limit = 3
          grace = "60s"
        }
      }

      # Ready means: it has read Consul once, and knows who leads. A spare is ready.
      check {
        name     = "readyz"
        type     = "http"
        path     = "/readyz"
        interval = "10s"
        timeout  = "3s"
      }
    }

    task "dd-observe" {
      driver = var.driver
      user   = var.driver == "docker" ? "node" : "nobody"

      dynamic "config" {
        for_each = var.driver == "docker" ? [var.image] : []
        content {
          image        = config.value
          args         = ["run", "--role", "controller"]
          network_mode = "host"
          cap_drop     = ["all"]
          security_opt = ["no-new-privileges"]
        }
      }

      dynamic "config" {
        for_each = var.driver == "docker" ? [] : [var.artifact == "" ? var.program : "local/dd-observe"]
        content {
          command = config.value
          # Nomad's own folder may be closed to the user that this runs as.
          work_dir = "/"
          args     = ["run", "--role", "controller"]
        }
      }

      dynamic "artifact" {
        for_each = var.driver == "docker" || var.artifact == "" ? [] : [var.artifact]
        content {
          source      = artifact.value
          destination = "local/dd-observe"
          mode        = "file"
        }
      }

      # Nomad logs in to Consul and gives its token as CONSUL_HTTP_TOKEN.
      dynamic "identity" {
        for_each = var.consul_acl ? ["consul.io"] : []
        content {
          name = "consul_default"
          aud  = [identity.value]
          ttl  = "1h"
        }
      }

      # Nomad's token, as NOMAD_TOKEN: to look whether jobs take their environments, and for Nomad's own services.
      dynamic "identity" {
        for_each = var.nomad_acl ? [true] : []
        content {
          env = identity.value
        }
      }

      dynamic "vault" {
        for_each = var.keys == "vault" ? [true] : []
        content {
          change_mode = "noop"
        }
      }

      template {
        data        = var.keys == "vault" ? local.keys_in_vault : local.keys_in_variables
        destination = "${NOMAD_SECRETS_DIR}/datadog.env"
        env         = true
      }

      env = merge(
        { DD_OBSERVE_HTTP_ADDR = "127.0.0.1:${NOMAD_PORT_http}" },
        var.settings,
      )

      # The action under way is finished and the lead handed over: 20 s at most.
      kill_signal  = "SIGTERM"
      kill_timeout = "30s"

      resources {
        cpu        = 200
        memory     = 256
        memory_max = 1024
      }
    }
  }
}
