import { linkSync, lstatSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';

import type { ErrorCode } from '../../src/core/index.ts';
import { applyLayer, extractArchive, type ApplyLayerOptions } from '../../src/snapshot/apply.ts';
import { openRootDir } from '../../src/sys/index.ts';
import { makeTar, streamOf, type TarSpec } from './make-tar.ts';
import { tempFolder } from './temp-folder.ts';
import { treeOfFolder, type TreeEntry } from './tree.ts';

/** Both ways an archive gets onto a disk: as a layer of an image, and by ADD. */
export const bothModes = ['layer', 'archive'] as const;
export type Mode = (typeof bothModes)[number];

/** Where the attack takes place: `root` is unpacked into, `outside` beside it must never change. */
export interface Arena {
  readonly root: string;
  readonly outside: string;
}

export interface AttackOptions extends Partial<ApplyLayerOptions> {
  readonly mode: Mode;
  /** Puts files into the root first, as a layer below would. */
  readonly before?: (arena: Arena) => void;
  /** The root holds a name of the canary, which may be removed: that moves its change time. */
  readonly sharesCanary?: boolean;
}

export interface Outcome {
  readonly error: unknown;
  /** What the root holds afterwards. */
  readonly tree: readonly TreeEntry[];
}

export type Archive = Uint8Array | readonly TarSpec[] | ((arena: Arena) => readonly TarSpec[]);

/** Unpacks a hostile archive and proves that nothing outside the root has changed, whatever else came of it. */
export async function attack(archive: Archive, options: AttackOptions): Promise<Outcome> {
  using folder = tempFolder('hostile');
  const arena: Arena = { root: join(folder.path, 'root'), outside: join(folder.path, 'outside') };
  mkdirSync(arena.root);
  mkdirSync(join(arena.outside, 'folder'), { recursive: true });
  writeFileSync(join(arena.outside, 'canary'), 'alive');
  writeFileSync(join(arena.outside, 'folder', 'inner'), 'alive too');
  linkSync(join(arena.outside, 'canary'), join(arena.outside, 'second-name'));
  options.before?.(arena);
  const before = fingerprint(folder.path, arena, options);
  const error = await unpack(archive, arena, options);
  expect(fingerprint(folder.path, arena, options), 'something outside of the root changed').toEqual(before);
  return { error, tree: await treeOfFolder(arena.root) };
}

/** The archive must be refused with this code. */
export async function expectRefused(
  code: ErrorCode,
  archive: Archive,
  options: AttackOptions,
): Promise<Outcome> {
  const outcome = await attack(archive, options);
  expect(outcome.error).toMatchObject({ name: 'TsbuildError', code });
  return outcome;
}

/** The archive must be unpacked; the result is what the root holds. */
export async function expectConfined(
  archive: Archive,
  options: AttackOptions,
): Promise<readonly TreeEntry[]> {
  const { error, tree } = await attack(archive, options);
  expect(error).toBeUndefined();
  return tree;
}

/** The paths of a tree. */
export function pathsOf(tree: readonly TreeEntry[]): string[] {
  return tree.map(({ path }) => path);
}

async function unpack(archive: Archive, arena: Arena, options: AttackOptions): Promise<unknown> {
  const { mode, devices = 'create', limits, diffId } = options;
  const specs = typeof archive === 'function' ? archive(arena) : archive;
  const bytes = specs instanceof Uint8Array ? specs : makeTar(specs);
  using root = openRootDir(arena.root);
  try {
    if (mode === 'layer') await applyLayer(streamOf(bytes), root, { devices, limits, diffId });
    else await extractArchive(streamOf(bytes), root, { devices, limits });
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Any change of a file, its attributes or its names moves its change time, which nothing can set. */
function fingerprint(folder: string, { outside }: Arena, { sharesCanary = false }: AttackOptions): unknown {
  const names = ['.', 'canary', 'folder', 'folder/inner', 'second-name'];
  return {
    beside: readdirSync(folder).sort(),
    listing: readdirSync(outside, { recursive: true }).sort(),
    files: names.map((name) => {
      const { mode, uid, gid, size, mtimeNs, ctimeNs } = lstatSync(join(outside, name), { bigint: true });
      const isShared = sharesCanary && (name === 'canary' || name === 'second-name');
      return { name, mode, uid, gid, size, mtimeNs, ...(isShared ? {} : { ctimeNs }) };
    }),
    content: readFileSync(join(outside, 'canary'), 'utf8'),
  };
}
