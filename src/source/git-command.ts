import { redactUrl, TsbuildError } from '../core/index.ts';
import { runTool, type ToolResult } from '../sys/index.ts';

/** What a command that talks to a remote needs beyond the remote's address. */
export interface GitAccess {
  readonly config: readonly (readonly [key: string, value: string])[];
  readonly env: Readonly<Record<string, string>>;
  /** Never shown, wherever git may print them. */
  readonly secrets: readonly string[];
  /** How messages name the remote: without credentials. */
  readonly shown: string;
}

export interface GitRun {
  readonly signal: AbortSignal;
  readonly gitDir?: string | undefined;
  readonly workTree?: string | undefined;
  readonly indexFile?: string | undefined;
  /** Of commands that talk to the remote. */
  readonly access?: GitAccess | undefined;
  readonly input?: Uint8Array | undefined;
  /** Most bytes of output. */
  readonly limit?: number | undefined;
}

/** The longest that a command may take. Connections over http and ssh that stand still end long before. */
const longestTalk = 60 * 60 * 1000;

const outputLimit = 256 * 1024 * 1024;

/**
 * Settings of every command. Nothing of them comes from the machine's or the user's configuration, and none from the
 * repository: what a foreign repository could make git run (hooks, filters, file system monitors) has no place (S-39).
 * Without filter drivers files of LFS stay the pointers that the repository holds.
 */
const settings: readonly (readonly [string, string])[] = [
  ['core.hooksPath', '/dev/null'],
  ['core.attributesFile', '/dev/null'],
  ['core.excludesFile', '/dev/null'],
  ['core.fsmonitor', 'false'],
  ['core.symlinks', 'true'],
  ['core.fileMode', 'true'],
  ['core.logAllRefUpdates', 'false'],
  ['credential.helper', ''],
  ['init.defaultBranch', 'main'],
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
  ['submodule.recurse', 'false'],
  ['fetch.recurseSubmodules', 'false'],
  ['fetch.writeCommitGraph', 'false'],
  // A pack appears whole or not at all; loose objects would be there one by one when a fetch is killed.
  ['fetch.unpackLimit', '1'],
  ['transfer.bundleURI', 'false'],
  ['http.lowSpeedLimit', '1'],
  ['http.lowSpeedTime', '60'],
];

/** Of this process's environment: where programs are, and how the network is reached. */
const passed = [
  'PATH',
  'TMPDIR',
  ...['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'].flatMap((name) => [name, name.toUpperCase()]),
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'GIT_SSL_CAINFO',
];

/** Runs git to its end; a non-zero status is a result. Its standard error comes without credentials. */
export async function tryGit(args: readonly string[], run: GitRun): Promise<ToolResult> {
  const timeout = AbortSignal.timeout(longestTalk);
  try {
    const result = await runTool(['git', ...args], {
      env: environment(run),
      input: run.input,
      cwd: run.gitDir ?? '/',
      limit: run.limit ?? outputLimit,
      signal: AbortSignal.any([run.signal, timeout]),
      // git starts helpers, ssh among them: none may outlive it, or ask anything at the terminal.
      session: true,
    });
    return { ...result, stderr: withoutSecrets(result.stderr, run.access) };
  } catch (error) {
    if (timeout.aborted && !run.signal.aborted) {
      throw new TsbuildError('SOURCE_UNREACHABLE', `${run.access?.shown ?? 'git'} did not finish in time`);
    }
    if (error instanceof TsbuildError && error.code === 'HOST_UNSUPPORTED') {
      throw new TsbuildError(error.code, error.message, {
        hint: 'install git: sources that are git repositories are fetched with it',
        cause: error.cause,
      });
    }
    throw error;
  }
}

/** Runs git on a repository of our own, where a failure is nothing that a user could have foreseen. */
export async function git(args: readonly string[], run: GitRun): Promise<Buffer> {
  const { status, stdout, stderr } = await tryGit(args, run);
  if (status === 0) return stdout;
  if (/No space left on device|Disk quota exceeded/.test(stderr)) {
    throw new TsbuildError('DISK_FULL', 'fetching from git: no space left on the device', {
      hint: 'free some space, or point --root (TSBUILD_ROOT) to a larger disk',
    });
  }
  throw new TsbuildError(
    'IO_ERROR',
    `git ${args[0] ?? ''} failed: ${lastWords(stderr) || `status ${status}`}`,
  );
}

/** What git said last, in one line. */
export function lastWords(stderr: string): string {
  const lines = stderr
    .split(/[\r\n]+/)
    .map((line) => line.replace(/^(?:fatal|error|remote):\s*/, '').trim())
    .filter((line) => line !== '');
  const telling = stderr.split(/[\r\n]+/).find((line) => line.startsWith('fatal: '));
  return (telling?.slice('fatal: '.length) ?? lines.at(-1) ?? '').trim();
}

function environment(run: GitRun): NodeJS.ProcessEnv {
  const env: Record<string, string> = {};
  for (const name of passed) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  const config = [...settings, ...(run.access?.config ?? [])];
  config.forEach(([key, value], index) => {
    env[`GIT_CONFIG_KEY_${index}`] = key;
    env[`GIT_CONFIG_VALUE_${index}`] = value;
  });
  return {
    ...env,
    GIT_CONFIG_COUNT: String(config.length),
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '',
    // Neither local paths nor helpers (`ext::`), whoever names them (CVE-2022-39253).
    GIT_ALLOW_PROTOCOL: 'http:https:ssh:git',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_OPTIONAL_LOCKS: '0',
    HOME: '/dev/null',
    LC_ALL: 'C',
    ...(run.gitDir === undefined ? {} : { GIT_DIR: run.gitDir }),
    ...(run.workTree === undefined ? {} : { GIT_WORK_TREE: run.workTree }),
    ...(run.indexFile === undefined ? {} : { GIT_INDEX_FILE: run.indexFile }),
    ...run.access?.env,
  };
}

function withoutSecrets(text: string, access: GitAccess | undefined): string {
  return (access?.secrets ?? [])
    .filter((secret) => secret !== '')
    .reduce((shown, secret) => shown.replaceAll(secret, 'xxxxx'), redactUrl(text));
}
