# The agent of this folder, as dd-observe observes it. The steps: README.md.
#
#   nomad job run -var preload=https://… -var preload_checksum=sha256:… support.nomad.hcl

variable "image" {
  description = "An image made of this folder's Dockerfile."
  type        = string
  default     = "support-agent:latest"
}

variable "preload" {
  description = "Where you keep dd-observe-preload-<version>.tar.gz of the release, such as https://artifacts.example.com/dd-observe-preload-0.1.0.tar.gz."
  type        = string
}

variable "preload_checksum" {
  description = "Its checksum, sha256:…, which SHA256SUMS of the release has."
  type        = string
}

variable "datacenters" {
  type    = list(string)
  default = ["*"]
}

job "support" {
  datacenters = var.datacenters

  group "support" {
    network {
      port "http" {}
    }

    # The tag is what dd-observe looks for; what else it is to do stands in observability.yaml.
    service {
      name     = "support"
      provider = "consul"
      port     = "http"
      address  = "127.0.0.1"
      tags     = ["dd-observe"]

      check {
        type     = "http"
        path     = "/healthz"
        interval = "10s"
        timeout  = "2s"
      }
    }

    task "agent" {
      driver = "docker"

      # The machine's network: the Datadog Agent is at 127.0.0.1, as usual.
      config {
        image        = var.image
        network_mode = "host"
        cap_drop     = ["all"]
      }

      env {
        PORT = "${NOMAD_PORT_http}"
      }

      # The preload. A task whose artifact can't be fetched doesn't start: keep the archive near.
      artifact {
        source      = var.preload
        destination = "local/dd-observe"
        options {
          checksum = var.preload_checksum
        }
      }

      # As `dd-observe env support -o nomad` prints it.
      # While nothing is published, the task starts without it; a change is taken up at the next deployment.
      # Keep it before other templates with env = true: the last one wins.
      template {
        destination = "secrets/dd-observe.env"
        env         = true
        change_mode = "noop"
        data        = <<-EOT
          {{- $given := env "DD_OBSERVE_GIVEN" }}{{ $names := "," }}
          {{- $preload := or (env "DD_OBSERVE_PRELOAD") (printf "%s/dd-observe" (env "NOMAD_TASK_DIR")) }}
          {{- range ls "dd-observe/env/support/" }}{{ if .Key | regexMatch "^[A-Za-z_][A-Za-z0-9_]*$" }}
          {{- $own := env .Key }}{{ if in $given (printf ",%s," .Key) }}{{ $own = env (printf "DD_OBSERVE_OWN_%s" .Key) }}{{ end }}
          {{- $value := .Value | replaceAll "__NODE_IP__" (env "attr.unique.network.ip-address") | replaceAll "__PRELOAD__" $preload }}
          {{- if not $own }}{{ $names = printf "%s%s," $names .Key }}
          {{ .Key }}={{ $value | toJSON }}
          {{- else if eq .Key "NODE_OPTIONS" }}{{ $names = printf "%s%s," $names .Key }}
          NODE_OPTIONS={{ printf "%s %s" $own $value | toJSON }}
          DD_OBSERVE_OWN_NODE_OPTIONS={{ $own | toJSON }}
          {{- else if eq .Key "PYTHONPATH" }}{{ $names = printf "%s%s," $names .Key }}
          PYTHONPATH={{ printf "%s:%s" $value $own | toJSON }}
          DD_OBSERVE_OWN_PYTHONPATH={{ $own | toJSON }}
          {{- end }}{{ end }}{{ end }}
          {{- if ne $names "," }}
          DD_OBSERVE_GIVEN={{ $names | toJSON }}
          {{- end }}
          EOT
      }

      kill_signal  = "SIGTERM"
      kill_timeout = "10s"

      resources {
        cpu    = 200
        memory = 512
      }
    }
  }
}
