import { TsbuildError } from '../../core/index.ts';
import { parseDockerfile } from '../../dockerfile/index.ts';
import { mainContext, type ContextReference } from '../../graph/index.ts';
import { makeScratchFolder, openRootDir } from '../../sys/index.ts';
import type { BuildContext, ContextModes } from '../context.ts';
import { readDockerfile } from './dockerfile.ts';
import { folderRules, ignoreRulesOf, type IgnoreRules } from './ignore.ts';
import { isFolder, openPlace } from './place.ts';
import type { BuildInputs, InputOptions, NamedContext, Place } from './types.ts';

/**
 * Opens what a build starts from: its context of whatever kind, the Dockerfile, named contexts. Only what is not a folder
 * of the host is copied to this machine. Throws USAGE, CONTEXT_NOT_FOUND, DOCKERFILE_NOT_FOUND, the errors of
 * parsing, and those of fetching and unpacking.
 */
export async function openBuildInputs(given: InputOptions): Promise<BuildInputs> {
  const options = { ...given, remote: once(given.remote) };
  await using held = new AsyncDisposableStack();
  const place = await openPlace(options, held);
  const found = await readDockerfile(options, place);
  const dockerfile = parseDockerfile(found.bytes, found.name, options.parse);
  const rules = await ignoreRulesOf({ place, dockerfile: found.path, given: options.ignoreFile });
  const modes = options.contextModes;
  const context = { ...openContext(place, { name: options.context, rules }, held), modes };
  const contexts = new Map<string, BuildContext>([[mainContext, context]]);
  const named = new Map<string, ContextReference>();
  for (const each of options.named ?? [])
    named.set(each.name, await openNamed(each, { contexts, modes }, held));
  const opened = held.move();
  const time = place.kind === 'fetched' ? place.time : undefined;
  return { dockerfile, context, contexts, named, time, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

function openContext(
  place: Place,
  { name, rules }: { readonly name: string; readonly rules: IgnoreRules },
  held: AsyncDisposableStack,
): BuildContext {
  if (place.kind !== 'none') {
    const lasting = place.kind === 'folder';
    return { name, root: held.use(openRootDir(place.path)), lasting, ...rules };
  }
  const folder = held.use(makeScratchFolder());
  const hint =
    'there is no build context, only a Dockerfile: COPY can take files of stages, images and heredocs, ADD of URLs as well';
  return { name, root: held.use(openRootDir(folder.path)), missingHint: hint, ...rules };
}

async function openNamed(
  { name, source }: NamedContext,
  {
    contexts,
    modes,
  }: { readonly contexts: Map<string, BuildContext>; readonly modes: ContextModes | undefined },
  held: AsyncDisposableStack,
): Promise<ContextReference> {
  if (source.kind !== 'folder') return source;
  if (!isFolder(source.path)) {
    const message = `the build context ${name} is not a folder: ${source.path}`;
    throw new TsbuildError('CONTEXT_NOT_FOUND', message, {
      hint: 'give a folder, docker-image://, oci-layout://, a git repository or a URL',
    });
  }
  // No name of an image begins so: nothing is hidden, whatever the user calls his contexts.
  const key = name === mainContext ? `_${name}` : name;
  contexts.set(key, { ...held.use(await openFolder(source.path)), modes });
  return { kind: 'local', name: key };
}

/** A folder of the host with its own ignore file. */
export async function openFolder(path: string): Promise<BuildContext & Disposable> {
  const rules = await folderRules(path);
  const root = openRootDir(path);
  return { name: path, root, lasting: true, ...rules, [Symbol.dispose]: () => root[Symbol.dispose]() };
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}
