import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { isErrno } from '../../core/index.ts';
import { readBounded } from '../../sys/index.ts';
import type { CdiEdits, CdiSpec } from './schema.ts';

/** Where specs are, as CDI has it; those of the later folder go before those of the earlier. */
export const cdiFolders: readonly string[] = ['/etc/cdi', '/var/run/cdi'];

/** Vendors' tools write some hundred kilobytes for a machine full of devices. */
const maxSpecSize = 4 * 1024 * 1024;

export interface CdiDevice {
  /** `vendor.com/class=name`. */
  readonly qualified: string;
  readonly kind: string;
  /** Of the spec and of the device, which win. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Applied once, however many of its devices are asked for. */
  readonly spec: CdiEdits;
  readonly edits: CdiEdits;
}

export interface CdiRegistry {
  /** By qualified name, in bytewise order. */
  readonly devices: readonly CdiDevice[];
  /** Specs that could not be read, and why: a fault of one vendor's must not keep the others' devices away. */
  readonly problems: readonly string[];
}

/** Everything registered on this machine. Missing folders are empty ones. */
export async function readCdiRegistry(folders: readonly string[] = cdiFolders): Promise<CdiRegistry> {
  const devices = new Map<string, CdiDevice>();
  const problems: string[] = [];
  for (const folder of folders) {
    const found = new Map<string, CdiDevice | 'conflict'>();
    for (const name of specFiles(folder)) {
      const path = join(folder, name);
      try {
        for (const device of devicesOf(await readSpec(path))) {
          if (found.has(device.qualified)) problems.push(`${path}: ${device.qualified} is defined twice`);
          found.set(device.qualified, found.has(device.qualified) ? 'conflict' : device);
        }
      } catch (error) {
        problems.push(
          `${path}: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'unreadable'}`,
        );
      }
    }
    for (const [qualified, device] of found) {
      if (device === 'conflict') devices.delete(qualified);
      else devices.set(qualified, device);
    }
  }
  const sorted = [...devices.values()].sort((a, b) => (a.qualified < b.qualified ? -1 : 1));
  return { devices: sorted, problems };
}

function specFiles(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /\.(?:json|yaml)$/.test(name))
      .sort();
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return [];
    throw error;
  }
}

/** The schema is loaded when there is a spec to read: every start would pay for it. */
async function readSpec(path: string): Promise<CdiSpec> {
  const { cdiSpec } = await import('./schema.ts');
  const text = readBounded(path, maxSpecSize);
  return cdiSpec.parse(path.endsWith('.json') ? JSON.parse(text) : await parseYaml(text));
}

/** Loaded when a step asks for a device, which is rare. The aliases that a document may expand are bounded by the parser. */
async function parseYaml(text: string): Promise<unknown> {
  const { parse } = await import('yaml');
  return parse(text, { maxAliasCount: 100, logLevel: 'error' });
}

function devicesOf(spec: CdiSpec): CdiDevice[] {
  return spec.devices.map(({ name, annotations, containerEdits }) => ({
    qualified: `${spec.kind}=${name}`,
    kind: spec.kind,
    annotations: { ...spec.annotations, ...annotations },
    spec: spec.containerEdits,
    edits: containerEdits,
  }));
}
