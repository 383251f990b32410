import { Option, type Command } from 'commander';

import { TsbuildError } from '../../core/index.ts';
import type { PushImageOptions } from '../../image/index.ts';
import type { Descriptor, Platform } from '../../oci/types.ts';
import type { Store } from '../../store/index.ts';
import { examples, makeCommand } from '../command.ts';
import { addCredsOption, credentialsOf } from '../creds-flag.ts';
import { addImagePlatformOption, imagePlatform } from '../image-platform.ts';
import { interruptSignal } from '../interrupt.ts';
import { tellWarning } from '../registry-flags.ts';
import { pushDestination } from '../push-destination.ts';
import { pushProgress } from '../push-progress.ts';
import { storeRoot } from '../root.ts';
import { withStore } from '../with-store.ts';

interface PushFlags {
  readonly compression?: string;
  readonly compressionLevel?: string;
  readonly platform?: string;
  readonly quiet?: boolean;
  readonly creds?: string;
}

export function pushCommand(): Command {
  const command = makeCommand('push', 'Push an image to its registry')
    .argument('<image>', 'name or id of the image')
    .argument('[destination]', 'name to push it to, with its registry (default: its own)')
    .addOption(
      new Option(
        '--compression <form>',
        'pack every layer with gzip, zstd, estargz, zstd:chunked, or uncompressed (default: plain ones with gzip, others as they are)',
      ).choices(['gzip', 'zstd', 'estargz', 'zstd:chunked', 'uncompressed']),
    )
    .option(
      '--compression-level <level>',
      'with --compression: 1 to 9 for gzip and estargz, 1 to 22 for zstd',
    )
    .option('-q, --quiet', 'print the name only')
    .addHelpText(
      'after',
      examples([
        ['tsbuild push localhost:5000/app:1', 'push to a registry of this machine'],
        ['tsbuild push app ghcr.io/team/app:1', 'under another name, not set here'],
        ['tsbuild push --compression zstd ghcr.io/team/app', 'with smaller layers'],
        ['tsbuild push --compression zstd:chunked ghcr.io/team/app', 'for engines that fetch single files'],
      ]),
    );
  addImagePlatformOption(command, 'the image for this platform alone, of a name that stands for several');
  return addCredsOption(command).action(async (image: string, to: string | undefined, flags: PushFlags) => {
    const name = to === undefined ? image : pushDestination(to);
    const form = await formOf(flags);
    const platform = await imagePlatform(flags.platform);
    using interrupt = interruptSignal();
    const credentials = await credentialsOf(flags.creds, interrupt.signal);
    await withStore(storeRoot(command), async (store) => {
      const { pushImage } = await import('../../image/index.ts');
      const { familiarName, formatReference, parseReference } = await import('../../oci/index.ts');
      const pushed = await pushImage(store, name, {
        image: await chosenImage(store, image, { platform, isNamed: to !== undefined }),
        form,
        credentials,
        signal: interrupt.signal,
        onWarning: tellWarning,
        onProgress: flags.quiet === true ? undefined : pushProgress(),
      });
      await store.settleAside();
      if (flags.quiet !== true) process.stderr.write(`digest: ${pushed.manifest.digest}\n`);
      process.stdout.write(`${familiarName(formatReference(parseReference(name)))}\n`);
    });
  });
}

/** Undefined for what the name that is pushed to stands for. */
async function chosenImage(
  store: Store,
  image: string,
  { platform, isNamed }: { readonly platform: Platform | undefined; readonly isNamed: boolean },
): Promise<Descriptor | undefined> {
  const { resolveForPlatform, resolveImage } = await import('../../image/index.ts');
  if (platform !== undefined) return (await resolveForPlatform(store, image, platform)).manifest;
  if (!isNamed) return undefined;
  const { index, manifest } = await resolveImage(store, image);
  return index ?? manifest;
}

async function formOf({
  compression,
  compressionLevel: level,
}: PushFlags): Promise<PushImageOptions['form']> {
  if (compression !== undefined) {
    const { formOf } = await import('../../output/index.ts');
    return formOf({ compression, level });
  }
  if (level === undefined) return undefined;
  throw new TsbuildError('USAGE', '--compression-level goes with --compression gzip or zstd');
}
