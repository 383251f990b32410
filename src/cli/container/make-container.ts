import { closeSync, openSync, rmSync, writeSync } from 'node:fs';

import { isErrno, TsbuildError } from '../../core/index.ts';
import { findImage, openImage, type Image } from '../../image/index.ts';
import { formatPlatform, hostPlatform } from '../../oci/index.ts';
import {
  clearAfterDeaths,
  earlyUnpack,
  prepareContainer,
  type ContainerOptions,
  type ContainerRecord,
} from '../../ops/index.ts';
import { namespaceHint } from '../../runtime/index.ts';
import { openSnapshotter, type LocalSnapshotter } from '../../snapshot/index.ts';
import type { Store } from '../../store/index.ts';
import { mayMount } from '../../sys/index.ts';
import { interruptSignal } from '../interrupt.ts';
import { readyEmulator, warnOfPlatform } from '../platform-warning.ts';
import { pullProgress } from '../pull-progress.ts';
import type { RunChoices } from '../run-flags.ts';

/** What `run` and `create` make: see `runChoices`; the streams are the command's own affair. */
export interface ContainerToMake extends Pick<RunChoices, 'pull' | 'platform' | 'cidfile'> {
  readonly imageName: string;
  /** See `ContainerOptions.starting`. */
  readonly starting?: DisposableStack | undefined;
  readonly container: Omit<ContainerOptions, 'image' | 'imageName' | 'signal' | 'starting'>;
}

/** The lease ends when the record stands, which keeps the snapshots from then on. */
export async function makeContainer(store: Store, wanted: ContainerToMake): Promise<ContainerRecord> {
  using interrupt = interruptSignal();
  const { signal } = interrupt;
  using cidfile = wanted.cidfile === undefined ? undefined : openCidfile(wanted.cidfile);
  // Before anything is pulled for nothing.
  const snapshotter = containerSnapshotter(store);
  await using lease = await store.lease();
  const image = await imageToRun({ store, snapshotter, signal }, wanted);
  warnOfPlatform(wanted.imageName, { wanted: wanted.platform ?? hostPlatform(), is: image.config });
  await readyEmulator(store, { name: wanted.imageName, is: image.config });
  await clearAfterDeaths({ store, snapshotter }, wanted.container.limits.cgroupParent);
  const { starting, imageName } = wanted;
  const options = { ...wanted.container, image, imageName, starting, signal };
  const record = await prepareContainer({ store, lease, snapshotter }, options);
  cidfile?.write(record.id);
  return record;
}

/** A container's files are an overlay for as long as it lives: what a build falls back to would copy its whole image. */
function containerSnapshotter(store: Store): LocalSnapshotter {
  const snapshotter = openSnapshotter(store.snapshots);
  if (snapshotter.driver === 'overlay') return snapshotter;
  const folder = store.root;
  throw new TsbuildError(
    'HOST_UNSUPPORTED',
    `containers need an overlay, and none can be mounted in ${folder}`,
    {
      hint: mayMount()
        ? `put the store on a volume: -v tsbuild:${folder} for the container around tsbuild, or --root (TSBUILD_ROOT) elsewhere`
        : `${namespaceHint}, with the store on a volume: -v tsbuild:${folder}`,
    },
  );
}

/** Before any work: an older file may name a container that somebody still looks after. */
function openCidfile(path: string): Disposable & { write(id: string): void } {
  let fd: number;
  try {
    fd = openSync(path, 'wx', 0o644);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new TsbuildError(
      'USAGE',
      isErrno(error, 'EEXIST') ? `--cidfile: ${path} exists` : `--cidfile: cannot make ${path}: ${why}`,
      { hint: 'it must be a new file: remove it, or name another one' },
    );
  }
  let written = false;
  return {
    write(id) {
      writeSync(fd, id);
      written = true;
    },
    [Symbol.dispose]() {
      closeSync(fd);
      if (!written) rmSync(path, { force: true });
    },
  };
}

async function imageToRun(
  services: Parameters<typeof earlyUnpack>[0],
  wanted: ContainerToMake,
): Promise<Image> {
  const { store, signal } = services;
  const { imageName: name, pull } = wanted;
  const { platform } = wanted;
  const isId = /^(sha256:)?[0-9a-f]{12,64}$/.test(name);
  const found = pull === 'always' && !isId ? undefined : await findImage(store, name, { platform });
  if (found !== undefined) return openImage(store, found.manifest);
  if (isId) throw new TsbuildError('IMAGE_NOT_FOUND', `no such image: ${name}`);
  if (pull === 'never') {
    const which = platform === undefined ? '' : ` for ${formatPlatform(platform)}`;
    throw new TsbuildError('IMAGE_NOT_FOUND', `${name} is not in the store${which}`, {
      hint: 'leave out --pull never, or run: tsbuild pull',
    });
  }
  if (pull === 'missing') process.stderr.write(`${name} is not in the store: pulling it\n`);
  const { pullImage } = await import('../../registry/index.ts');
  const pulled = await pullImage(store, name, {
    platform: platform ?? hostPlatform(),
    signal,
    onProgress: pullProgress(),
    tapLowest: earlyUnpack(services),
  });
  return openImage(store, pulled.manifest);
}
