import type { Command } from 'commander';

import { TsbuildError, type ByteString } from '../../core/index.ts';
import type { ContainerPath, CopyOptions, OpenSide } from '../../ops/index.ts';
import type { Store } from '../../store/index.ts';
import { writeTo } from '../../sys/index.ts';
import { examples, makeCommand } from '../command.ts';
import { interruptSignal } from '../interrupt.ts';
import { storeRoot } from '../root.ts';
import { withStore } from '../with-store.ts';

interface CopyFlags {
  readonly archive?: boolean;
  readonly followLink?: boolean;
  readonly quiet?: boolean;
}

/** What a word of the command line names. */
type Place =
  | { readonly kind: 'container'; readonly container: string; readonly path: string }
  | { readonly kind: 'host'; readonly path: string }
  | { readonly kind: 'stream' };

export function cpCommand(): Command {
  const command = makeCommand('cp', 'Copy files between a container and this machine')
    .argument('<source>', 'CONTAINER:PATH, a path here, or - for a tar from standard input')
    .argument('<destination>', 'CONTAINER:PATH, a path here, or - for a tar to standard output')
    .option('-a, --archive', 'keep owners, set-id bits and devices')
    .option('-L, --follow-link', 'copy what a symbolic link given as source leads to')
    .option('-q, --quiet', 'accepted: nothing is printed anyway')
    .addHelpText(
      'after',
      examples([
        ['tsbuild cp web:/etc/app.conf .', 'fetch a file'],
        ['tsbuild cp site/. web:/srv/www', 'copy what is in the folder site, not the folder'],
      ]),
    );
  return command.action(async (source: string, destination: string, flags: CopyFlags) => {
    const from = placeOf(source);
    const to = placeOf(destination);
    using interrupt = interruptSignal();
    await withStore(storeRoot(command), (store) =>
      copy(store, { from, to, flags, signal: interrupt.signal }),
    );
  });
}

interface Copy {
  readonly from: Place;
  readonly to: Place;
  readonly flags: CopyFlags;
  readonly signal: AbortSignal;
}

async function copy(store: Store, { from, to, flags, signal }: Copy): Promise<void> {
  refuseOddPairs(from, to);
  const { copyFiles, copyFromArchive, copyToArchive } = await import('../../ops/index.ts');
  if (from.kind === 'stream') {
    await using target = await openSide(store, to, { access: 'write' });
    await copyFromArchive(await archiveOnInput(), target.side, signal);
    return;
  }
  await using source = await openSide(store, from, { access: 'read', follow: flags.followLink });
  const options = copyOptions(to, { flags, signal, hollow: source.hollow });
  if (to.kind === 'stream') {
    await copyToArchive(source.side, (chunk) => writeTo(process.stdout, chunk), options);
    return;
  }
  await using target = await openSide(store, to, { access: 'write' });
  const { devicesLeftOut: count } = await copyFiles(source.side, target.side, options);
  if (count > 0) {
    const what = count === 1 ? '1 device was' : `${count} devices were`;
    process.stderr.write(`warning: ${what} not copied: --archive copies them, too\n`);
  }
}

/** Without --archive copies belong to the user here, and to root in a container; then nobody gets rights by them. */
function copyOptions(
  to: Place,
  {
    flags,
    signal,
    hollow,
  }: {
    readonly flags: CopyFlags;
    readonly signal: AbortSignal;
    readonly hollow: (path: ByteString) => boolean;
  },
): CopyOptions {
  const keeps = flags.archive === true;
  const user = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
  return {
    follow: flags.followLink === true,
    owner: keeps ? undefined : to.kind === 'host' ? user : { uid: 0, gid: 0 },
    privileges: keeps || to.kind !== 'host',
    hollow,
    signal,
  };
}

/** `-` alone is a stream; a container's name is before the first colon, unless a `/` or a `.` says that it is a path. */
function placeOf(text: string): Place {
  if (text === '-') return { kind: 'stream' };
  if (text === '') throw new TsbuildError('USAGE', 'a source or destination is empty');
  const colon = text.indexOf(':');
  if (colon < 0 || /^[./]/.test(text)) return { kind: 'host', path: text };
  if (colon === 0) {
    throw new TsbuildError('USAGE', `${text} lacks the name of a container`, {
      hint: 'write CONTAINER:PATH',
    });
  }
  const [container, path] = [text.slice(0, colon), text.slice(colon + 1)];
  if (path === '') throw new TsbuildError('USAGE', `${text} lacks a path`, { hint: `write ${container}:/` });
  return { kind: 'container', container, path };
}

function refuseOddPairs(from: Place, to: Place): void {
  const kinds = [from.kind, to.kind];
  if (!kinds.includes('container')) {
    throw new TsbuildError('USAGE', 'neither source nor destination is in a container', {
      hint: 'write CONTAINER:PATH for one of them',
    });
  }
  if (from.kind === 'container' && to.kind === 'container') {
    throw new TsbuildError('USAGE', 'files are not copied from one container to another', {
      hint: 'copy them here first, or through a pipe: tsbuild cp A:PATH - | tsbuild cp - B:PATH',
    });
  }
  if (to.kind === 'stream' && process.stdout.isTTY) {
    throw new TsbuildError('USAGE', 'refusing to write an archive to a terminal', {
      hint: 'redirect standard output',
    });
  }
  if (from.kind === 'stream' && process.stdin.isTTY) {
    throw new TsbuildError('USAGE', 'no archive: standard input is a terminal', {
      hint: 'redirect standard input',
    });
  }
}

async function openSide(
  store: Store,
  place: Place,
  how: Pick<ContainerPath, 'access' | 'follow'>,
): Promise<OpenSide> {
  const { findContainer, openContainerSide, openHostSide } = await import('../../ops/index.ts');
  switch (place.kind) {
    case 'host':
      return openHostSide(place.path);
    case 'container':
      return openContainerSide(store, findContainer(store, place.container), { path: place.path, ...how });
    case 'stream':
      throw new Error('a stream is no tree');
  }
}

async function archiveOnInput(): Promise<AsyncIterable<Uint8Array>> {
  const { decompress } = await import('../../tar/index.ts');
  const { hostDecompressor } = await import('../../ops/index.ts');
  return (await decompress(process.stdin, hostDecompressor)).bytes;
}
