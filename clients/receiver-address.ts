/** A port on the local Agent's host. */
export interface SocketAddress {
  readonly host: string;
  readonly port: number;
}

/** Where the Agent takes DogStatsD: a UDP port, or the datagram socket at a path. */
export type DogstatsdAddress = SocketAddress | { readonly path: string };

/** Where the local Agent takes what systems send by themselves. */
export interface ReceiverAddresses {
  readonly dogstatsd: DogstatsdAddress;
  readonly otlpGrpc: SocketAddress;
  readonly otlpHttp: SocketAddress;
  readonly apm: SocketAddress;
}

/** As it stands in settings and sentences: `127.0.0.1:8125`, `unix:/var/run/datadog/dsd.socket`. */
export function addressText(address: DogstatsdAddress): string {
  if ("path" in address) return `unix:${address.path}`;
  return `${address.host.includes(":") ? `[${address.host}]` : address.host}:${address.port}`;
}
