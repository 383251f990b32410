import { arm64Numbers } from './numbers/arm64.ts';
import { armNumbers } from './numbers/arm.ts';
import { i386Numbers } from './numbers/i386.ts';
import { x8664Numbers } from './numbers/x86-64.ts';

/** The machines that filters are made for. */
export type SeccompArch = 'x86_64' | 'arm64';

/** A system call interface that a process on such a machine can use. */
export interface SyscallAbi {
  /** The runtime spec's name of it. */
  readonly name: string;
  /** `AUDIT_ARCH_…` of linux/audit.h, as the kernel puts it in struct seccomp_data. */
  readonly audit: number;
  readonly numbers: ReadonlyMap<string, number>;
  /** Numbers from here on belong to another interface with the same `audit` value, which is never offered. */
  readonly end: number;
}

/**
 * Numbers with this bit are x32's. Distributions build kernels without x32, so that nothing needs it, and a filter for
 * x86-64's own numbers must not be passed by setting a bit.
 */
const x32Bit = 0x4000_0000;

const beyondNumbers = 0x1_0000_0000;

/** The native interface of each machine first, then the 32-bit one that its kernel may offer besides. */
export const abisOf: Readonly<Record<SeccompArch, readonly [SyscallAbi, SyscallAbi]>> = {
  x86_64: [
    abi(x8664Numbers, { name: 'SCMP_ARCH_X86_64', audit: 0xc000_003e, end: x32Bit }),
    abi(i386Numbers, { name: 'SCMP_ARCH_X86', audit: 0x4000_0003, end: beyondNumbers }),
  ],
  arm64: [
    abi(arm64Numbers, { name: 'SCMP_ARCH_AARCH64', audit: 0xc000_00b7, end: beyondNumbers }),
    abi(armNumbers, { name: 'SCMP_ARCH_ARM', audit: 0x4000_0028, end: beyondNumbers }),
  ],
};

/** The table is read when first asked for: most commands start no container, and none one of the other machine. */
function abi(table: string, rest: Omit<SyscallAbi, 'numbers'>): SyscallAbi {
  let numbers: ReadonlyMap<string, number> | undefined;
  return {
    ...rest,
    get numbers() {
      return (numbers ??= parseNumbers(table));
    },
  };
}

/** The machine this process runs on, or undefined for one without tables. */
export function hostSeccompArch(architecture: string = process.arch): SeccompArch | undefined {
  if (architecture === 'x64') return 'x86_64';
  return architecture === 'arm64' ? 'arm64' : undefined;
}

function parseNumbers(table: string): ReadonlyMap<string, number> {
  const numbers = new Map<string, number>();
  let next = 0;
  for (const word of table.split(/\s+/)) {
    if (word === '') continue;
    if (word.endsWith(':')) next = Number(word.slice(0, -1));
    else numbers.set(word, next++);
  }
  return numbers;
}
