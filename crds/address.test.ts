import { expect, test } from "vitest";

import { hostInUrl, refusedAddress } from "./address.ts";

test.for([
  "10.0.0.5",
  "127.0.0.1",
  "192.168.1.1",
  "8.8.8.8",
  "169.253.255.255",
  "169.255.0.1",
  "100.100.100.201",
  "::1",
  "fd00::1",
  "2001:db8::1",
])("an Agent may be pointed at %s", (address) => {
  expect(refusedAddress(address, [])).toBeUndefined();
});

test.for([
  "169.254.169.254",
  "169.254.0.0",
  "169.254.255.255",
  "100.100.100.200",
  "192.0.0.192",
  "168.63.129.16",
  "0.0.0.0",
  "0.1.2.3",
  "224.0.0.1",
  "255.255.255.255",
  "fe80::1",
  "febf::1",
  "fe80::1%eth0",
  "fd00:ec2::254",
  "fd20:ce::254",
  "ff02::1",
  "::",
  "::ffff:169.254.169.254",
  "::ffff:a9fe:a9fe",
  "0:0:0:0:0:ffff:a9fe:a9fe",
  "::ffff:0.0.0.0",
  "::169.254.169.254",
  "64:ff9b::169.254.169.254",
  "2002:a9fe:a9fe::1",
])("an Agent may not be pointed at %s", (address) => {
  expect(refusedAddress(address, [])).toMatch(/link-local|metadata/);
});

test.for([
  "169.254.43518",
  "0xa9fea9fe",
  "2852039166",
  "0251.0376.0251.0376",
  "",
  "[::1]",
  "10.0.0.5:80",
  "a b",
])("what is no plain address is a name, and refused: %s", (address) => {
  expect(refusedAddress(address, [])).toContain("is a name, not an IP address");
});

test.for([
  { address: "db.internal", allowed: ["*.internal"], refused: false },
  { address: "db.internal.evil.example", allowed: ["*.internal"], refused: true },
  { address: "node-1", allowed: ["node-1"], refused: false },
  { address: "node-12", allowed: ["node-1"], refused: true },
  { address: "169.254.169.254", allowed: ["*"], refused: true },
])("the policy allows names, never addresses: $address with $allowed is refused: $refused", (row) => {
  expect(refusedAddress(row.address, row.allowed) !== undefined).toBe(row.refused);
});

test.for([
  { address: "10.0.0.5", host: "10.0.0.5" },
  { address: "2001:db8::1", host: "[2001:db8::1]" },
  { address: "node-1", host: "node-1" },
])("$address stands in a URL as $host", ({ address, host }) => {
  expect(hostInUrl(address)).toBe(host);
});
