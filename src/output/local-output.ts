import { lstatSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

import { fromErrno, fromText, isErrno, type ByteString } from '../core/index.ts';
import { makeFolder, openRootDir, type RootDir, randomHex } from '../sys/index.ts';
import { CopyOut, type LeftOut } from './copy-out.ts';
import { fullNames } from './names.ts';
import { platformFolder } from './platform-folder.ts';
import { putStatements, statementFiles } from './statement-files.ts';
import type { BuiltImages, OutputSpec, WrittenOutput } from './types.ts';
import type { OutputWork } from './work.ts';

type LocalSpec = Extract<OutputSpec, { kind: 'local' }>;

/**
 * The files of the result in a folder of the host (O-04), several platforms in a folder each. A folder that is not there yet
 * appears when it is whole; one that is there is added to, file by file, each of them whole. Throws IO_ERROR,
 * PERMISSION_DENIED, DISK_FULL, INTERRUPTED.
 */
export async function writeLocalOutput(
  spec: LocalSpec,
  built: BuiltImages,
  work: OutputWork,
): Promise<WrittenOutput> {
  const path = resolve(spec.dest);
  try {
    const isNew = statSync(path, { throwIfNoEntry: false }) === undefined && !isDanglingLink(path);
    if (isNew) await fillNew(path, (folder) => fill(folder, { spec, built, work }));
    else await fill(path, { spec, built, work });
  } catch (error) {
    throw fromErrno(error, `writing ${spec.dest}`);
  }
  return { kind: 'local', names: [], descriptor: undefined, repoDigests: [], place: spec.dest };
}

function isDanglingLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Beside its place, so that renaming it there is one step. */
async function fillNew(path: string, write: (folder: string) => Promise<void>): Promise<void> {
  const parent = dirname(path);
  makeFolder(parent);
  const aside = `.${basename(path)}.${randomHex(6)}.tmp`;
  mkdirSync(join(parent, aside));
  try {
    await write(join(parent, aside));
    moveToItsPlace(join(parent, aside), path);
  } catch (error) {
    using above = openRootDir(parent);
    above.removeAll(fromText(aside));
    throw error;
  }
}

function moveToItsPlace(aside: string, path: string): void {
  try {
    renameSync(aside, path);
  } catch (error) {
    if (!isErrno(error, 'ENOTEMPTY', 'EEXIST', 'ENOTDIR')) throw error;
    throw Object.assign(new Error(`${path} came into being meanwhile`, { cause: error }), { code: 'EIO' });
  }
}

async function fill(
  folder: string,
  { spec, built, work }: { readonly spec: LocalSpec; readonly built: BuiltImages; readonly work: OutputWork },
): Promise<void> {
  using top = openRootDir(folder);
  const { images } = built;
  const isSplit = spec.platformSplit ?? images.length > 1;
  const names = fullNames(work.names);
  const leftOut: LeftOut = { devices: 0, privileges: 0 };
  for (const [index, one] of images.entries()) {
    const { platform, snapshot } = one;
    const copy = new CopyOut(top, {
      time: spec.shape.epoch,
      // In one folder the first image makes room, and the others join it.
      deletes: spec.mode === 'delete' && (isSplit || index === 0),
      special: spec.specialFiles,
      signal: work.signal,
    });
    await using view = await work.snapshotter.view(snapshot);
    const said = statementFiles(one, view.root, { names, isAmongOthers: images.length > 1 && !isSplit });
    if (isSplit) {
      const name = fromText(platformFolder(platform));
      placeFolder(top, name);
      await copy.copy(view.root, name);
      using to = top.sub(name);
      putStatements(to, said, spec.shape.epoch);
    } else {
      await copy.copy(view.root);
      putStatements(top, said, spec.shape.epoch);
    }
    leftOut.devices += copy.leftOut.devices;
    leftOut.privileges += copy.leftOut.privileges;
  }
  if (isSplit && spec.mode === 'delete') {
    const kept = new Set(images.map(({ platform }) => fromText(platformFolder(platform))));
    for (const name of top.list('.' as ByteString)) if (!kept.has(name)) top.removeAll(name);
  }
  tellLeftOut(leftOut, spec, work);
}

function placeFolder(top: RootDir, name: ByteString): void {
  const before = top.tryLstat(name);
  if (before?.type === 'directory') return;
  if (before !== undefined) top.unlink(name);
  top.mkdir(name, 0o755);
}

function tellLeftOut({ devices, privileges }: LeftOut, { dest }: LocalSpec, { emit }: OutputWork): void {
  const parts = [
    ...(devices === 0 ? [] : [`${devices} device ${devices === 1 ? 'file' : 'files'}`]),
    ...(privileges === 0
      ? []
      : [`the set-id bits or capabilities of ${privileges} ${privileges === 1 ? 'file' : 'files'}`]),
  ];
  if (parts.length === 0) return;
  emit({
    type: 'warning',
    message: `left out of ${dest}: ${parts.join(' and ')}; special-files=true copies them, type=tar keeps owners, too`,
  });
}
