# Everything on one machine, such as a laptop with `consul agent -dev` and `nomad agent -dev`: both roles in one process,
# and the Datadog Agent beside it if wanted. Its page: http://127.0.0.1:8620
#
#   nomad var put nomad/jobs/dd-observe api_key=… app_key=…      # or without: files are kept all the same
#   nomad job run -var program=$PWD/dist/dd-observe-linux-x64 all-in-one.nomad.hcl

variable "driver" {
  description = "docker, exec or raw_exec."
  type        = string
  default     = "raw_exec"
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

variable "agent" {
  description = "How the Datadog Agent runs: docker, or none where there is one already or none at all."
  type        = string
  default     = "none"
  validation {
    condition     = contains(["none", "docker"], var.agent)
    error_message = "The Agent must be none or docker."
  }
}

variable "agent_image" {
  type    = string
  default = "gcr.io/datadoghq/agent:7"
}

variable "confd_dir" {
  description = "The Agent's conf.d folder. Without one: a folder of the allocation, which the Agent of this job reads."
  type        = string
  default     = ""
}

variable "port" {
  description = "Of the page, on loopback."
  type        = number
  default     = 8620
}

variable "settings" {
  description = "Further settings: docs/reference/configuration.md."
  type        = map(string)
  default     = { DD_SITE = "datadoghq.com" }
}

locals {
  confd_dir = var.confd_dir == "" ? "${NOMAD_ALLOC_DIR}/data/conf.d" : var.confd_dir

  # Waits for no keys.
  keys = <<-EOT
    {{ if nomadVarExists "nomad/jobs/dd-observe" }}{{ with nomadVar "nomad/jobs/dd-observe" }}
    DD_API_KEY={{ .api_key }}
    DD_APP_KEY={{ .app_key }}
    {{ end }}{{ end }}
  EOT
}

job "dd-observe" {
  type = "service"

  group "dd-observe" {
    network {
      port "http" {
        static = var.port
      }
    }

    # dd-observe observes itself.
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
      # Of its own sandbox, so that it may write the folder of the allocation; raw_exec is whoever Nomad is.
      user = var.driver == "raw_exec" ? "" : "root"

      dynamic "config" {
        for_each = var.driver == "docker" ? [var.image] : []
        content {
          image        = config.value
          args         = ["run", "--role", "all"]
          network_mode = "host"
          cap_drop     = ["all"]
          security_opt = ["no-new-privileges"]
        }
      }

      dynamic "config" {
        for_each = var.driver == "docker" ? [] : [var.artifact == "" ? var.program : "local/dd-observe"]
        content {
          command = config.value
          args    = ["run", "--role", "all"]
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

      # So that the folder is there.
      dynamic "template" {
        for_each = var.confd_dir == "" ? ["Files of the Datadog Agent, by dd-observe.\n"] : []
        content {
          data        = template.value
          destination = "${NOMAD_ALLOC_DIR}/data/conf.d/README"
          change_mode = "noop"
        }
      }

      template {
        data        = local.keys
        destination = "${NOMAD_SECRETS_DIR}/datadog.env"
        env         = true
      }

      env = merge(
        {
          DD_OBSERVE_CONFD_DIR = local.confd_dir
          DD_OBSERVE_HTTP_ADDR = "127.0.0.1:${NOMAD_PORT_http}"
        },
        var.agent == "none" ? {} : { DD_OBSERVE_AGENT_RELOAD = "poll" },
        var.settings,
      )

      kill_signal  = "SIGTERM"
      kill_timeout = "30s"

      resources {
        cpu    = 200
        memory = 256
      }
    }

    dynamic "task" {
      for_each = var.agent == "docker" ? [var.agent_image] : []
      labels   = ["agent"]
      content {
        driver = "docker"

        config {
          image        = task.value
          network_mode = "host"
          entrypoint   = ["/bin/sh", "-ec", "cp -Rn /etc/datadog-agent/conf.d/. $DD_CONFD_PATH/ || true; exec /bin/entrypoint.sh"]
        }

        template {
          data        = local.keys
          destination = "${NOMAD_SECRETS_DIR}/datadog.env"
          env         = true
        }

        env {
          DD_CONFD_PATH                 = "${NOMAD_ALLOC_DIR}/data/conf.d"
          DD_AUTOCONF_CONFIG_FILES_POLL = "true"
          DD_SITE                       = lookup(var.settings, "DD_SITE", "datadoghq.com")
        }

        resources {
          cpu    = 200
          memory = 512
        }
      }
    }
  }
}
