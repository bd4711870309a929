import { BlockList, isIP } from "node:net";

import { matches } from "./policy.ts";

/**
 * Addresses that an Agent must never be pointed at: link-local ones (cloud metadata services live there),
 * metadata services elsewhere, and what is no host at all.
 */
const REFUSED = new BlockList();
REFUSED.addSubnet("169.254.0.0", 16, "ipv4");
REFUSED.addAddress("100.100.100.200", "ipv4"); // metadata of Alibaba Cloud
REFUSED.addAddress("192.0.0.192", "ipv4"); // metadata of Oracle Cloud
REFUSED.addAddress("168.63.129.16", "ipv4"); // Azure's wire server
REFUSED.addSubnet("0.0.0.0", 8, "ipv4");
REFUSED.addSubnet("224.0.0.0", 3, "ipv4");
REFUSED.addSubnet("fe80::", 10, "ipv6");
REFUSED.addAddress("fd00:ec2::254", "ipv6"); // metadata of AWS
REFUSED.addAddress("fd20:ce::254", "ipv6"); // metadata of Google Cloud
// IPv4 link-local addresses written as IPv6: compatible, translated (NAT64) and 6to4. Mapped ones are checked as IPv4.
REFUSED.addSubnet("::a9fe:0", 112, "ipv6");
REFUSED.addSubnet("64:ff9b::a9fe:0", 112, "ipv6");
REFUSED.addSubnet("2002:a9fe::", 32, "ipv6");
REFUSED.addSubnet("ff00::", 8, "ipv6");
REFUSED.addAddress("::", "ipv6");

/**
 * Says why an Agent may not be pointed at an address, or undefined if it may.
 *
 * @param address As the catalog has it: an IP address, or a name that the policy must allow.
 * @param allowed The node's own names, and patterns of the operator's policy.
 */
export function refusedAddress(address: string, allowed: readonly string[]): string | undefined {
  const version = isIP(address);
  if (version === 0) {
    if (allowed.some((pattern) => matches(pattern, address))) return undefined;
    return `${address} is a name, not an IP address; the operator's policy can allow it under endpointHosts`;
  }
  if (address.includes("%")) return `${address} has a zone, so it is link-local`;
  return REFUSED.check(address, version === 4 ? "ipv4" : "ipv6")
    ? `${address} is link-local, a cloud's metadata service, or no host's address`
    : undefined;
}

/** The address as it stands in a URL. */
export function hostInUrl(address: string): string {
  return isIP(address) === 6 ? `[${address}]` : address;
}
