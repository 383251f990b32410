import type { Block } from './netlink/route.ts';

/** IPv4 addresses are bytes in the order of the net towards the kernel, and dotted text towards people. */
export function addressBytes(dotted: string): Buffer {
  return Buffer.from(dotted.split('.').map(Number));
}

export function dotted(bytes: Uint8Array): string {
  return [...bytes].join('.');
}

/** A network of 24 bits: what stands before the last number of its addresses, as `10.88.0`. */
export type Subnet = string;

export const subnetPrefix = 24;

/** The last number of the host's own address in a subnet. */
const gatewayNumber = 1;

export function gatewayOf(subnet: Subnet): string {
  return `${subnet}.${gatewayNumber}`;
}

/** Follows from the address, so that nobody's table of neighbours is wrong when an address changes hands. */
export function macOf(address: string): Buffer {
  // The second lowest bit of the first byte: given locally, not by a maker.
  return Buffer.concat([Buffer.from([0x02, 0x54]), addressBytes(address)]);
}

export function macText(mac: Buffer): string {
  return [...mac].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

function overlap(one: Block, other: Block): boolean {
  const bits = Math.min(one.prefix, other.prefix);
  // A shift by 32 would be one by 0.
  if (bits === 0) return true;
  const shift = 32 - bits;
  return one.address.readUInt32BE() >>> shift === other.address.readUInt32BE() >>> shift;
}

export function blockOf(subnet: Subnet): Block {
  return { address: addressBytes(`${subnet}.0`), prefix: subnetPrefix };
}

/** 10.88.0.0/16 and the one after it, like podman's: private, and seldom given out by networks people are in. */
const candidates: readonly Subnet[] = [88, 89].flatMap((second) =>
  Array.from({ length: 256 }, (_, third) => `10.${second}.${third}`),
);

/** The first subnet from `start` on that meets none of the taken blocks. */
export function freeSubnet(taken: readonly Block[], start = 0): Subnet | undefined {
  const rotated = candidates.map((_, index) => candidates[(start + index) % candidates.length] ?? '');
  return rotated.find((subnet) => !taken.some((block) => overlap(blockOf(subnet), block)));
}

/** Whether the address is one that we give to bridges. */
export function subnetOf(block: Block): Subnet | undefined {
  const subnet = dotted(block.address).split('.').slice(0, 3).join('.');
  return block.prefix === subnetPrefix && candidates.includes(subnet) ? subnet : undefined;
}
