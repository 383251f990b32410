import { resolve } from 'node:path';

import { fromErrno, type EmitBuildEvent } from '../core/index.ts';
import type { ResolveLayout } from '../graph/index.ts';
import { readLayoutImage } from '../image/index.ts';
import { formatPlatform, platformFits } from '../oci/index.ts';
import type { Lease, Store } from '../store/index.ts';

export interface LayoutOptions {
  readonly store: Store;
  readonly lease: Lease;
  readonly emit: EmitBuildEvent;
  /** `look-up`: the image is read, its layers stay where they are. */
  readonly bases: 'pull' | 'look-up';
}

/** Finds base images in OCI layouts of the host, and brings their blobs into the store. */
export function layoutResolver({ store, lease, emit, bases }: LayoutOptions): ResolveLayout {
  return async ({ path, reference }, platform) => {
    const suffix = reference === undefined ? '' : reference.includes(':') ? `@${reference}` : `:${reference}`;
    const name = `oci-layout://${path}${suffix}`;
    const options = { reference, platform, lease, copy: bases === 'pull' };
    const image = await readLayoutImage(store, resolve(path), options).catch((error: unknown) => {
      throw fromErrno(error, `reading ${name}`);
    });
    if (!platformFits(platform, image.config)) {
      const [is, wanted] = [formatPlatform(image.config), formatPlatform(platform)];
      emit({ type: 'warning', message: `base image ${name} is for ${is}, but ${wanted} was asked for` });
    }
    const { digest, id, config } = image;
    return { name, digest, id, config, layers: image.manifest.layers };
  };
}
