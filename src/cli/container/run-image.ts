import { TsbuildError } from '../../core/index.ts';
import { findImage, openImage, type Image } from '../../image/index.ts';
import { hostPlatform } from '../../oci/index.ts';
import { prepareContainer, type ContainerOptions, type ContainerRecord } from '../../ops/index.ts';
import { overlaySnapshotter } from '../../snapshot/index.ts';
import { openStore, type Store } from '../../store/index.ts';
import { interruptSignal } from '../interrupt.ts';
import { warnOfPlatform } from '../platform-warning.ts';
import { pullProgress } from '../pull-progress.ts';
import { startDetached } from './detach.ts';
import { runForeground } from './foreground.ts';

export interface RunImageOptions {
  readonly root: string;
  readonly imageName: string;
  readonly detach: boolean;
  readonly container: Omit<ContainerOptions, 'image' | 'imageName' | 'signal'>;
}

/** `run`: makes a container of an image and starts it; gives the exit status for the command line. */
export async function runImage(options: RunImageOptions): Promise<number> {
  await using store = await openStore(options.root);
  const record = await prepare(store, options);
  if (!options.detach) return await runForeground(store, record);
  await startDetached(store, record);
  process.stdout.write(`${record.id}\n`);
  return 0;
}

/** The lease ends when the record stands, which keeps the snapshots from then on. */
async function prepare(store: Store, { imageName, container }: RunImageOptions): Promise<ContainerRecord> {
  using interrupt = interruptSignal();
  const { signal } = interrupt;
  await using lease = await store.lease();
  const image = await imageToRun(store, imageName, signal);
  warnOfPlatform(imageName, { wanted: hostPlatform(), is: image.config });
  const snapshotter = overlaySnapshotter(store.snapshots);
  const options = { ...container, image, imageName, signal };
  return await prepareContainer({ store, lease, snapshotter }, options);
}

async function imageToRun(store: Store, name: string, signal: AbortSignal): Promise<Image> {
  const found = await findImage(store, name);
  if (found !== undefined) return openImage(store, found.manifest);
  if (/^(sha256:)?[0-9a-f]{12,64}$/.test(name))
    throw new TsbuildError('IMAGE_NOT_FOUND', `no such image: ${name}`);
  process.stderr.write(`${name} is not in the store: pulling it\n`);
  const { pullImage } = await import('../../registry/index.ts');
  const pulled = await pullImage(store, name, {
    platform: hostPlatform(),
    signal,
    onProgress: pullProgress(),
  });
  return openImage(store, pulled.manifest);
}
