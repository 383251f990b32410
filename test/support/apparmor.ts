/**
 * Profiles in the kernel's own format (security/apparmor/policy_unpack.c), written out since the compiler of profiles is
 * on few machines. They have no rules: `complain` notes what it would deny, `enforce` denies every file.
 */
export type ProfileMode = 'enforce' | 'complain';

const codes = { u32: 2, name: 4, string: 5, struct: 7, structEnd: 8 } as const;
const modes: Readonly<Record<ProfileMode, number>> = { enforce: 0, complain: 1 };

function text(code: number, value: string): Buffer {
  const bytes = Buffer.from(`${value}\0`, 'latin1');
  const head = Buffer.from([code, 0, 0]);
  head.writeUInt16LE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.from([codes.u32, 0, 0, 0, 0]);
  bytes.writeUInt32LE(value, 1);
  return bytes;
}

/** What /sys/kernel/security/apparmor/.replace takes. */
export function apparmorProfileBytes(name: string, mode: ProfileMode): Buffer {
  const noCapabilities = [u32(0), u32(0), u32(0), u32(0)];
  return Buffer.concat([
    text(codes.name, 'version'),
    u32(7),
    text(codes.name, 'profile'),
    Buffer.from([codes.struct]),
    text(codes.string, name),
    text(codes.name, 'flags'),
    Buffer.from([codes.struct]),
    ...[u32(0), u32(modes[mode]), u32(0)],
    Buffer.from([codes.structEnd]),
    ...noCapabilities,
    Buffer.from([codes.structEnd]),
  ]);
}
