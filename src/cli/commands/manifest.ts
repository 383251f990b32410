import { Option, type Command } from 'commander';

import { TsbuildError, type Json } from '../../core/index.ts';
import type { EntryChange } from '../../image/index.ts';
import type { RegistryOptions } from '../../registry/index.ts';
import type { Store } from '../../store/index.ts';
import { collect, examples, makeCommand, rootOption } from '../command.ts';
import { addCredsOption, credentialsOf } from '../creds-flag.ts';
import { forEachName } from '../each-name.ts';
import { interruptSignal } from '../interrupt.ts';
import type { ExitStatusHolder } from '../program.ts';
import { pushDestination } from '../push-destination.ts';
import { pushProgress } from '../push-progress.ts';
import { tellWarning } from '../registry-flags.ts';
import { storeRoot } from '../root.ts';
import { parseLabels } from '../run-values.ts';
import { withStore } from '../with-store.ts';

export function manifestCommand(status: ExitStatusHolder): Command {
  const command = makeCommand('manifest', 'Make, show and push indexes: one name for several platforms')
    .usage('COMMAND [options]')
    .addHelpText(
      'after',
      examples([
        ['tsbuild manifest create app:1 app:amd64 app:arm64', 'one name for two images of the store'],
        ['tsbuild manifest annotate --variant v6 app:1 app:arm', 'say for which processor one is'],
        ['tsbuild manifest inspect app:1', 'what is in it, here or at its registry'],
        ['tsbuild manifest push app:1 ghcr.io/team/app:1', 'its images and the index'],
      ]),
    );
  const commands = [createCommand, addCommand, annotateCommand, removeCommand, inspectCommand, pushCommand];
  for (const make of [...commands, rmCommand]) command.addCommand(make(status).addOption(rootOption()));
  return command;
}

function createCommand(): Command {
  const command = makeCommand('create', 'Make an index of images of the store, and print its digest')
    .argument('<name>', 'name for the index')
    .argument('[image...]', 'names or ids; of an index all images are taken')
    .option('-a, --amend', 'add to the index that has the name')
    .option('--annotation <name=value>', 'annotation of the index; repeatable', collect);
  return command.action(
    async (name: string, images: readonly string[], flags: { amend?: boolean; annotation?: string[] }) => {
      const annotations = annotationsOf(flags.annotation);
      await withStore(storeRoot(command), async (store) => {
        const { createManifestList } = await import('../../image/index.ts');
        const index = await createManifestList(store, name, { images, amend: flags.amend, annotations });
        process.stdout.write(`${index.digest}\n`);
      });
    },
  );
}

interface EntryFlags {
  readonly os?: string;
  readonly arch?: string;
  readonly variant?: string;
  readonly osVersion?: string;
  readonly osFeatures?: string;
  readonly annotation?: readonly string[];
}

function addEntryOptions(command: Command): Command {
  return command
    .argument('<name>', 'name of the index')
    .argument('<image>', 'name or id, or the digest of its manifest')
    .option('--os <name>', 'operating system')
    .option('--arch <name>', 'architecture, as arm64')
    .option('--variant <name>', 'variant of the architecture, as v7')
    .option('--os-version <version>', 'version of the operating system')
    .option('--os-features <name,…>', 'what it must have')
    .option('--annotation <name=value>', 'annotation of the entry; repeatable', collect);
}

function addCommand(): Command {
  const command = addEntryOptions(makeCommand('add', 'Add an image to an index, and print its digest'));
  return command.action(async (name: string, image: string, flags: EntryFlags) => {
    await withStore(storeRoot(command), async (store) => {
      const { addToManifestList } = await import('../../image/index.ts');
      const index = await addToManifestList(store, { name, image }, changeOf(flags));
      process.stdout.write(`${index.digest}\n`);
    });
  });
}

function annotateCommand(): Command {
  const about = 'Change what an index says of one of its images, and print its digest';
  const command = addEntryOptions(makeCommand('annotate', about));
  return command.action(async (name: string, image: string, flags: EntryFlags) => {
    await withStore(storeRoot(command), async (store) => {
      const { annotateManifestList } = await import('../../image/index.ts');
      const index = await annotateManifestList(store, { name, image }, changeOf(flags));
      process.stdout.write(`${index.digest}\n`);
    });
  });
}

function removeCommand(): Command {
  const command = makeCommand('remove', 'Take an image out of an index, and print its digest')
    .argument('<name>', 'name of the index')
    .argument('<image>', 'name or id, or the digest of its manifest');
  return command.action(async (name: string, image: string) => {
    await withStore(storeRoot(command), async (store) => {
      const { removeFromManifestList } = await import('../../image/index.ts');
      const index = await removeFromManifestList(store, { name, image });
      process.stdout.write(`${index.digest}\n`);
    });
  });
}

function inspectCommand(): Command {
  const command = makeCommand(
    'inspect',
    'Show an index as JSON, from the store or else its registry',
  ).argument('<name>', 'name of the index, or the digest of one that has a name here');
  return addCredsOption(command).action(async (name: string, flags: { creds?: string }) => {
    using interrupt = interruptSignal();
    const credentials = await credentialsOf(flags.creds, interrupt.signal);
    const index = await withStore(
      storeRoot(command),
      async (store) =>
        (await storedIndex(store, name)) ?? remoteIndex(name, { credentials, signal: interrupt.signal }),
    );
    process.stdout.write(`${JSON.stringify(index, undefined, 2)}\n`);
  });
}

/** Undefined where the name is not in the store. Throws IMAGE_NOT_FOUND where it stands for one image. */
async function storedIndex(store: Store, name: string): Promise<Json | undefined> {
  const { findImage, readIndex } = await import('../../image/index.ts');
  const found = await findImage(store, name);
  if (found === undefined) return undefined;
  const stored = found.index === undefined ? undefined : await readIndex(store, found.index);
  return stored === undefined ? noIndex(name) : jsonOf(stored.raw);
}

async function remoteIndex(name: string, options: RegistryOptions): Promise<Json> {
  const { readRepository } = await import('../../registry/index.ts');
  const { parseReference } = await import('../../oci/index.ts');
  const reference = parseReference(name);
  const { parsed, bytes } = await readRepository(reference, options, async (repository) =>
    repository.manifest(),
  );
  return parsed.kind === 'index' ? jsonOf(bytes) : noIndex(name);
}

function jsonOf(bytes: Uint8Array): Json {
  return JSON.parse(Buffer.from(bytes).toString('utf8')) as Json;
}

function noIndex(name: string): never {
  throw new TsbuildError('IMAGE_NOT_FOUND', `${name} is one image, not an index`, {
    hint: `tsbuild inspect ${name} shows it`,
  });
}

interface PushFlags {
  readonly rm?: boolean;
  readonly quiet?: boolean;
  readonly creds?: string;
}

function pushCommand(): Command {
  const command = makeCommand('push', 'Push an index with all its images')
    .argument('<name>', 'name of the index')
    .argument('[destination]', 'name to push it to (default: its own)')
    .addOption(new Option('--all', 'accepted; all images always go').hideHelp())
    .option('--rm', 'remove the name here afterwards; the images stay')
    .option('-q, --quiet', 'print the digest only');
  return addCredsOption(command).action(
    async (name: string, destination: string | undefined, flags: PushFlags) => {
      const to = destination === undefined ? name : pushDestination(destination);
      using interrupt = interruptSignal();
      const credentials = await credentialsOf(flags.creds, interrupt.signal);
      await withStore(storeRoot(command), async (store) => {
        const { pushImage, resolveImage } = await import('../../image/index.ts');
        const { index, name: full } = await resolveImage(store, name);
        const pushed = await pushImage(store, to, {
          image: index ?? noIndex(name),
          credentials,
          signal: interrupt.signal,
          onWarning: tellWarning,
          onProgress: flags.quiet === true ? undefined : pushProgress(),
        });
        if (flags.rm === true && full !== undefined) await store.refs.delete(full);
        await store.settle();
        process.stdout.write(`${pushed.manifest.digest}\n`);
      });
    },
  );
}

function rmCommand(status: ExitStatusHolder): Command {
  const command = makeCommand('rm', 'Remove names of indexes; their images stay').argument(
    '<name...>',
    'names of indexes',
  );
  return command.action(async (names: readonly string[]) => {
    await withStore(storeRoot(command), async (store) => {
      const { resolveImage } = await import('../../image/index.ts');
      await forEachName(names, status, async (name) => {
        const found = await resolveImage(store, name);
        if (found.index === undefined || found.name === undefined) noIndex(name);
        await store.refs.delete(found.name);
        process.stdout.write(`${found.index.digest}\n`);
      });
    });
  });
}

function changeOf(flags: EntryFlags): EntryChange {
  const { os, arch: architecture, variant, osVersion, osFeatures } = flags;
  const platform = {
    os,
    architecture,
    variant,
    'os.version': osVersion,
    'os.features': osFeatures?.split(','),
  };
  const isGiven = Object.values(platform).some((value) => value !== undefined);
  return {
    platform: isGiven ? (platform as EntryChange['platform']) : undefined,
    annotations: annotationsOf(flags.annotation),
  };
}

function annotationsOf(values: readonly string[] = []): Readonly<Record<string, string>> {
  return parseLabels('--annotation', values);
}
