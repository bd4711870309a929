# The Datadog Agent on every machine, and beside it dd-observe's node role, which writes its files and restarts it by
# Nomad's API when they change. Both see one conf.d folder: the one that the tasks of an allocation share.
#
#   nomad var put nomad/jobs/datadog-agent api_key=…
#   nomad job run agent.nomad.hcl
#
# What else it needs, and every variable: README.md.

variable "driver" {
  description = "Of both: docker, or raw_exec where the Agent's package is on each machine. (exec would shut it off from the machine that it is to watch.)"
  type        = string
  default     = "docker"
  validation {
    condition     = contains(["docker", "raw_exec"], var.driver)
    error_message = "The driver must be docker or raw_exec."
  }
}

variable "image" {
  description = "For docker: an image made of deploy/Dockerfile."
  type        = string
  default     = "dd-observe:latest"
}

variable "agent_image" {
  description = "For docker: the Agent's image."
  type        = string
  default     = "gcr.io/datadoghq/agent:7"
}

variable "program" {
  description = "For raw_exec: where the executable is on each machine. Unused with artifact."
  type        = string
  default     = "/usr/local/bin/dd-observe"
}

variable "agent_program" {
  description = "For raw_exec: where the Agent's executable is on each machine."
  type        = string
  default     = "/opt/datadog-agent/bin/agent/agent"
}

variable "artifact" {
  description = "For raw_exec: where to download it, https://…/dd-observe-linux-x64?checksum=sha256:… (SHA256SUMS has the sum)."
  type        = string
  default     = ""
}

variable "datacenters" {
  type    = list(string)
  default = ["*"]
}

variable "keys" {
  description = "Where Datadog's API key is: variables (nomad/jobs/datadog-agent) or vault."
  type        = string
  default     = "variables"
  validation {
    condition     = contains(["variables", "vault"], var.keys)
    error_message = "The keys must be in variables or in vault."
  }
}

variable "vault_secret" {
  description = "For vault: path of the secret (KV version 2) with api_key."
  type        = string
  default     = "secret/data/dd-observe"
}

variable "consul_acl" {
  description = "Whether Consul has ACLs: each process then gets a token by its workload identity."
  type        = bool
  default     = false
}

variable "nomad_acl" {
  description = "Whether Nomad has ACLs: dd-observe then gets a token by its workload identity."
  type        = bool
  default     = false
}

variable "site" {
  description = "Datadog's site."
  type        = string
  default     = "datadoghq.com"
}

variable "settings" {
  description = "Further settings of dd-observe: docs/reference/configuration.md."
  type        = map(string)
  default     = {}
}

locals {
  key_in_variables = <<-EOT
    {{ with nomadVar "nomad/jobs/datadog-agent" }}
    DD_API_KEY={{ .api_key }}
    {{ end }}
  EOT

  key_in_vault = <<-EOT
    {{ with secret "${var.vault_secret}" }}
    DD_API_KEY={{ .Data.data.api_key }}
    {{ end }}
  EOT

  # The Agent looks into one folder: its own files go there first, and dd-observe may write beside them.
  # 1000 is the user of dd-observe's image. With raw_exec both are root, as Nomad's folders are root's.
  fill_confd = "mkdir -p $CONFD && cp -R /etc/datadog-agent/conf.d/. $CONFD/ && chown -R $OWNER $CONFD"
}

job "datadog-agent" {
  type        = "system"
  datacenters = var.datacenters

  update {
    max_parallel     = 2
    health_check     = "checks"
    min_healthy_time = "10s"
    healthy_deadline = "5m"
  }

  group "agent" {
    restart {
      attempts = 5
      interval = "10m"
      delay    = "5s"
      # A system job is placed nowhere else: it tries again after the interval.
      mode = "delay"
    }

    network {
      port "http" {}
    }

    # dd-observe observes itself. It listens on loopback, where the Agent asks.
    service {
      name     = "dd-observe-node"
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

    task "fill-confd" {
      driver = var.driver
      lifecycle {
        hook = "prestart"
      }

      dynamic "config" {
        for_each = var.driver == "docker" ? [var.agent_image] : []
        content {
          image      = config.value
          entrypoint = ["/bin/sh", "-ec", local.fill_confd]
        }
      }

      dynamic "config" {
        for_each = var.driver == "docker" ? [] : ["/bin/sh"]
        content {
          command = config.value
          args    = ["-ec", local.fill_confd]
        }
      }

      env {
        CONFD = "${NOMAD_ALLOC_DIR}/data/conf.d"
        OWNER = var.driver == "docker" ? "1000" : "root"
      }

      resources {
        cpu    = 100
        memory = 128
      }
    }

    task "agent" {
      driver = var.driver

      dynamic "config" {
        for_each = var.driver == "docker" ? [var.agent_image] : []
        content {
          image        = config.value
          network_mode = "host"
          pid_mode     = "host"
          volumes = [
            "/var/run/docker.sock:/var/run/docker.sock:ro",
            "/proc/:/host/proc/:ro",
            "/sys/fs/cgroup/:/host/sys/fs/cgroup:ro",
          ]
        }
      }

      dynamic "config" {
        for_each = var.driver == "docker" ? [] : [var.agent_program]
        content {
          command = config.value
          args    = ["run"]
        }
      }

      dynamic "vault" {
        for_each = var.keys == "vault" ? [true] : []
        content {
          change_mode = "noop"
        }
      }

      template {
        data        = var.keys == "vault" ? local.key_in_vault : local.key_in_variables
        destination = "${NOMAD_SECRETS_DIR}/datadog.env"
        env         = true
      }

      env {
        DD_SITE       = var.site
        DD_CONFD_PATH = "${NOMAD_ALLOC_DIR}/data/conf.d"
        DD_HOSTNAME   = "${attr.unique.hostname}"
      }

      kill_timeout = "30s"

      resources {
        cpu        = 200
        memory     = 512
        memory_max = 1024
      }
    }

    task "dd-observe" {
      driver = var.driver
      user   = var.driver == "docker" ? "1000" : "root"

      lifecycle {
        hook    = "poststart"
        sidecar = true
      }

      dynamic "config" {
        for_each = var.driver == "docker" ? [var.image] : []
        content {
          image        = config.value
          args         = ["run", "--role", "node"]
          network_mode = "host"
          cap_drop     = ["all"]
          security_opt = ["no-new-privileges"]
        }
      }

      dynamic "config" {
        for_each = var.driver == "docker" ? [] : [var.artifact == "" ? var.program : "local/dd-observe"]
        content {
          command = config.value
          args    = ["run", "--role", "node"]
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

      # Nomad's token, as NOMAD_TOKEN: to restart the Agent's task.
      dynamic "identity" {
        for_each = var.nomad_acl ? [true] : []
        content {
          env = identity.value
        }
      }

      env = merge(
        {
          CONSUL_HTTP_ADDR        = "http://127.0.0.1:8500"
          NOMAD_ADDR              = "http://127.0.0.1:4646"
          DD_OBSERVE_AGENT_RELOAD = "nomad:datadog-agent/agent"
          DD_OBSERVE_CONFD_DIR    = "${NOMAD_ALLOC_DIR}/data/conf.d"
          DD_OBSERVE_HTTP_ADDR    = "127.0.0.1:${NOMAD_PORT_http}"
          DD_OBSERVE_NODE_NAME    = "${attr.unique.consul.name}"
        },
        var.settings,
      )

      kill_signal  = "SIGTERM"
      kill_timeout = "30s"

      resources {
        cpu        = 100
        memory     = 192
        memory_max = 512
      }
    }
  }
}
