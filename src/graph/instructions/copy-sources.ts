import { redactUrl, TsbuildError, type SourceExcerpt } from '../../core/index.ts';
import { parseRemoteSource } from '../../dockerfile/index.ts';
import type { AddInstruction, CopyInstruction, Heredoc, RemoteSource } from '../../dockerfile/types.ts';
import { blame, excerptOf } from '../place.ts';
import { gitStep, httpStep } from '../source-steps.ts';
import { requestOf, type StageContext } from '../stage.ts';
import { mainContext, type CopyOrigin, type Step } from '../types.ts';

/** COPY or ADD with its words expanded; flags that are empty then count as not given. */
export interface CopyRequest {
  readonly paths: readonly string[];
  readonly heredocs: readonly Heredoc[];
  readonly destination: string;
  readonly chown: string | undefined;
  readonly chmod: string | undefined;
  readonly checksum: string | undefined;
}

/** What is copied, and the steps that the origins name, from input 1 on. */
export interface PlannedSources {
  readonly origins: readonly CopyOrigin[];
  readonly inputs: readonly Step[];
}

export async function copySources(
  context: StageContext,
  instruction: CopyInstruction,
  { paths }: CopyRequest,
): Promise<PlannedSources> {
  for (const path of paths) refuseRemote(path);
  const { from } = instruction;
  const source =
    from === undefined
      ? { kind: 'context' as const, name: mainContext }
      : await context.source(from, requestOf(context, instruction));
  if (paths.length === 0) return { origins: [], inputs: [] };
  if (source.kind === 'context') {
    return { origins: [{ kind: 'context', name: source.name, paths, unpack: false }], inputs: [] };
  }
  return { origins: [{ kind: 'input', input: 1, paths, unpack: false }], inputs: [source.step] };
}

function refuseRemote(path: string): void {
  const remote = parseRemoteSource(path);
  if (remote === undefined) return;
  const what = remote.kind === 'git' ? 'a git ref' : 'a URL';
  throw new TsbuildError('DOCKERFILE_INVALID', `source can't be ${what} for COPY: ${redactUrl(path)}`, {
    hint: 'use ADD for remote sources',
    fault: path,
  });
}

/** Paths of the context, and repositories and URLs, in the order written (L-175 to L-177). */
export function addSources(
  context: StageContext,
  instruction: AddInstruction,
  { paths, heredocs, checksum }: CopyRequest,
): PlannedSources {
  const at = excerptOf(context.dockerfile, instruction.range);
  const origins: CopyOrigin[] = [];
  const inputs: Step[] = [];
  let local: string[] = [];
  const endLocal = (): void => {
    if (local.length === 0) return;
    origins.push({ kind: 'context', name: mainContext, paths: local, unpack: instruction.unpack ?? true });
    local = [];
  };
  const flags = { keepGitDir: instruction.keepGitDir, checksum };
  const sources = paths.map((path) => ({
    path,
    remote: ruled(parseRemoteSource(path, flags), path, context),
  }));
  if (checksum !== undefined) {
    requireOneRemote([...sources.map(({ remote }) => remote), ...heredocs.map(() => undefined)]);
  }
  for (const { path, remote } of sources) {
    if (remote === undefined) {
      local.push(path);
      continue;
    }
    endLocal();
    inputs.push(remoteStep(remote, at));
    origins.push(remoteOrigin(remote, inputs.length, instruction.unpack ?? false));
  }
  endLocal();
  return { origins, inputs };
}

function ruled(
  remote: RemoteSource | undefined,
  path: string,
  { options: { rules } }: StageContext,
): RemoteSource | undefined {
  if (remote === undefined || rules === undefined) return remote;
  try {
    return remote.kind === 'git' ? { ...remote, ...rules.git(remote) } : { ...remote, ...rules.http(remote) };
  } catch (error) {
    blame(error, path);
  }
}

function remoteStep(remote: RemoteSource, at: SourceExcerpt): Step {
  if (remote.kind === 'git') {
    const { kind: _kind, ...source } = remote;
    return gitStep(source, at);
  }
  return httpStep({ url: remote.url, checksum: remote.checksum }, at);
}

/** All of a repository, never unpacked; the file of a URL only when asked to (L-158). */
function remoteOrigin({ kind }: RemoteSource, input: number, unpack: boolean): CopyOrigin {
  return kind === 'git'
    ? { kind: 'input', input, paths: ['/'], unpack: false }
    : { kind: 'file', input, unpack };
}

/** One checksum cannot be that of several files, and local files are what they are (L-156). */
function requireOneRemote(sources: readonly (RemoteSource | undefined)[]): void {
  if (sources.length !== 1) {
    throw new TsbuildError('DOCKERFILE_INVALID', "checksum can't be specified for multiple sources", {
      hint: 'write an ADD of its own for each source that is to be checked',
    });
  }
  if (sources[0] !== undefined) return;
  throw new TsbuildError('DOCKERFILE_INVALID', 'checksum requires HTTP(S) or Git sources', {
    hint: 'leave --checksum out: files of the context are always compared by content',
  });
}
