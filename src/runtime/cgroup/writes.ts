import type { ResourceConfig } from '../../oci/runtime-spec.ts';

/** One limit on its way to the kernel. */
export interface ControlWrite {
  readonly controller: string;
  /** What says the same to different kernels: each file that exists is written, and one has to. */
  readonly files: readonly ControlFile[];
  /** In the runtime spec's words. */
  readonly what: string;
  /** May be left out where the machine cannot: it holds anyway. */
  readonly optional?: boolean | undefined;
}

export interface ControlFile {
  readonly name: string;
  readonly value: string;
}

export type Value = number | string | undefined;

/** No write for a limit that nobody gave. */
export function write(what: string, value: Value, ...names: readonly string[]): ControlWrite[] {
  if (value === undefined) return [];
  return [
    {
      controller: controllerOf(names[0]),
      files: names.map((name) => ({ name, value: String(value) })),
      what,
    },
  ];
}

/** A control file bears the name of its controller. */
export function controllerOf(file: string | undefined): string {
  return file?.split('.', 1)[0] ?? '';
}

type BlockIo = NonNullable<ResourceConfig['blockIO']>;

/** What the rates are called in the spec, in v1's `blkio.throttle.…_device` and in v2's `io.max`. */
const throttles = [
  { what: 'throttleReadBpsDevice', v1: 'read_bps', v2: 'rbps' },
  { what: 'throttleWriteBpsDevice', v1: 'write_bps', v2: 'wbps' },
  { what: 'throttleReadIOPSDevice', v1: 'read_iops', v2: 'riops' },
  { what: 'throttleWriteIOPSDevice', v1: 'write_iops', v2: 'wiops' },
] as const;

/** A device a line: the kernel keeps what it was told of others before. 0 is its word for no limit in v1. */
export function throttleWrites(blockIo: BlockIo, version: 'v1' | 'v2'): ControlWrite[] {
  return throttles.flatMap(({ what, ...names }) =>
    (blockIo[what] ?? []).flatMap(({ major, minor, rate }) =>
      version === 'v1'
        ? write(`blockIO.${what}`, `${major}:${minor} ${rate}`, `blkio.throttle.${names.v1}_device`)
        : write(`blockIO.${what}`, `${major}:${minor} ${names.v2}=${rate === 0 ? 'max' : rate}`, 'io.max'),
    ),
  );
}

/** The same files in both versions. */
export function rdmaWrites({ rdma = {} }: ResourceConfig): ControlWrite[] {
  return Object.entries(rdma).flatMap(([device, { hcaHandles, hcaObjects }]) => {
    const handles = hcaHandles === undefined ? [] : [`hca_handle=${hcaHandles}`];
    const objects = hcaObjects === undefined ? [] : [`hca_object=${hcaObjects}`];
    return write('rdma', [device, ...handles, ...objects].join(' '), 'rdma.max');
  });
}
