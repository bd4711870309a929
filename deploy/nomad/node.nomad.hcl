# The node role on every machine: the Datadog Agent's files of that machine, for an Agent that runs outside of Nomad.
# (An Agent that Nomad runs: agent.nomad.hcl.)
#
#   nomad job run node.nomad.hcl
#
# With docker or exec each client needs the host volume datadog-confd. What else, and every variable: README.md.

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

variable "user" {
  description = "Who may write confd_dir: the Agent's user. For docker its number on the machines (id -u dd-agent)."
  type        = string
  default     = "dd-agent"
}

variable "confd_dir" {
  description = "The Agent's conf.d folder on each machine."
  type        = string
  default     = "/etc/datadog-agent/conf.d"
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
  # autoconf_config_files_poll must be true in datadog.yaml.
  default = { DD_OBSERVE_AGENT_RELOAD = "poll" }
}

job "dd-observe-node" {
  type        = "system"
  datacenters = var.datacenters

  update {
    max_parallel     = 5
    health_check     = "checks"
    min_healthy_time = "10s"
    healthy_deadline = "5m"
  }

  group "node" {
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

    # raw_exec sees the machine's folders as they are.
    dynamic "volume" {
      for_each = var.driver == "raw_exec" ? [] : ["datadog-confd"]
      labels   = ["confd"]
      content {
        type   = "host"
        source = volume.value
      }
    }

    # dd-observe observes itself. It listens on loopback, where the Agent of the same machine asks.
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

    task "dd-observe" {
      driver = var.driver
      user   = var.user

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
          # Nomad's own folder may be closed to the user that this runs as.
          work_dir = "/"
          args     = ["run", "--role", "node"]
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

      dynamic "volume_mount" {
        for_each = var.driver == "raw_exec" ? [] : [var.confd_dir]
        content {
          volume      = "confd"
          destination = volume_mount.value
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

      # Nomad's token, as NOMAD_TOKEN: to reload the Agent's task, and to see Nomad's telemetry.
      dynamic "identity" {
        for_each = var.nomad_acl ? [true] : []
        content {
          env = identity.value
        }
      }

      env = merge(
        {
          CONSUL_HTTP_ADDR     = "http://127.0.0.1:8500"
          NOMAD_ADDR           = "http://127.0.0.1:4646"
          DD_OBSERVE_CONFD_DIR = var.confd_dir
          DD_OBSERVE_HTTP_ADDR = "127.0.0.1:${NOMAD_PORT_http}"
          DD_OBSERVE_NODE_NAME = "${attr.unique.consul.name}"
        },
        var.settings,
      )

      # The file under way is finished.
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
