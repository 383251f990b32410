import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { digestOf, digestParts, TsbuildError } from '../core/index.ts';
import type { ToolResult } from '../sys/index.ts';
import { git, lastWords, tryGit, type GitAccess, type GitRun } from './git-command.ts';
import { remoteFailure } from './git-failure.ts';
import type { GitRemote } from './git-remote.ts';

export interface RepositoryOptions {
  readonly remote: GitRemote;
  readonly access: GitAccess;
  readonly signal: AbortSignal;
}

export type ObjectFormat = 'sha1' | 'sha256';

/** Names a remote in the folder of repositories and among locks: credentials are no part of it. */
export function repositoryName(remote: GitRemote): string {
  return digestParts(digestOf(remote.url)).hex;
}

export function formatOf(commit: string): ObjectFormat {
  return commit.length === 64 ? 'sha256' : 'sha1';
}

/**
 * The bare repository that keeps what was fetched of a remote. Its refs are commits that are here with all their files:
 * `refs/tsbuild/<id>`. It is to be used by one process at a time, under the lock of its name.
 */
export class GitRepository {
  readonly folder: string;
  readonly #options: RepositoryOptions;

  private constructor(folder: string, options: RepositoryOptions) {
    this.folder = folder;
    this.#options = options;
  }

  static async open(
    parent: string,
    format: ObjectFormat,
    options: RepositoryOptions,
  ): Promise<GitRepository> {
    const folder = join(parent, `${repositoryName(options.remote)}.${format}`);
    const repository = new GitRepository(folder, options);
    if (existsSync(join(folder, 'tsbuild'))) repository.#sweep();
    else await repository.#create(format);
    return repository;
  }

  async #create(format: ObjectFormat): Promise<void> {
    // What a killed process left half made.
    this.remove();
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    const { signal } = this.#options;
    const init = ['init', '--quiet', '--bare', '--template=', `--object-format=${format}`];
    await git([...init, '--', this.folder], { signal });
    mkdirSync(join(this.folder, 'tsbuild'));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Left by a git that was killed; whoever holds the lock is alone here. */
  #sweep(): void {
    rmSync(join(this.folder, 'shallow.lock'), { force: true });
    for (const name of readdirSync(join(this.folder, 'tsbuild'))) {
      rmSync(join(this.folder, 'tsbuild', name), { recursive: true, force: true });
    }
  }

  /** Runs git here, without talking to the remote. */
  local(more: Partial<GitRun> = {}): GitRun {
    return { gitDir: this.folder, signal: this.#options.signal, ...more };
  }

  /** A path for a file of short life, gone with the next use at the latest. */
  scratch(): string {
    return join(this.folder, 'tsbuild', randomBytes(8).toString('hex'));
  }

  /** Whether the object is here with all that its files need. */
  async has(id: string): Promise<boolean> {
    const { status } = await tryGit(
      ['rev-parse', '--quiet', '--verify', `refs/tsbuild/${id}^{commit}`],
      this.local(),
    );
    return status === 0;
  }

  /**
   * Gets a commit: it alone where the server gives single ones out, else by the ref that named it, else with everything.
   * Throws SOURCE_NOT_FOUND when it is none of the remote's.
   */
  async fetchCommit(commit: string, name: string | undefined): Promise<void> {
    if (await this.has(commit)) return;
    const own = `refs/tsbuild/${commit}`;
    const alone = await this.#fetch(['--depth=1'], `+${commit}:${own}`);
    if (alone.status === 0) return;
    if (!refusesCommit(alone.stderr)) throw remoteFailure(this.#options.remote, alone);
    if (name !== undefined) {
      const tip = await this.#fetch(['--depth=1'], `+${name}:refs/tsbuild/tip`);
      if (tip.status === 0 && (await this.#keep(commit))) return;
    }
    await this.fetchAll();
    if (await this.#keep(commit)) return;
    throw new TsbuildError('SOURCE_NOT_FOUND', `${this.#options.remote.shown} has no commit ${commit}`);
  }

  /** Gets every branch and tag with its history. */
  async fetchAll(): Promise<void> {
    const shallow = existsSync(join(this.folder, 'shallow'));
    const full = await this.#fetch(shallow ? ['--unshallow'] : [], '+refs/*:refs/tsbuild/all/*');
    if (full.status !== 0) throw remoteFailure(this.#options.remote, full);
  }

  /** The tag's own object, for a repository that is to know the tag. False when the remote has moved it meanwhile. */
  async fetchTag(name: string, tag: string): Promise<boolean> {
    if (!(await this.has(tag))) await this.#fetch(['--depth=1'], `+${name}:refs/tsbuild/${tag}`);
    const { stdout } = await tryGit(
      ['rev-parse', '--quiet', '--verify', `refs/tsbuild/${tag}`],
      this.local(),
    );
    return stdout.toString('latin1').trim() === tag;
  }

  /** The full id of the only commit that begins so, among those that are here with everything. */
  async expand(short: string): Promise<string | undefined> {
    const { stdout } = await tryGit(['rev-parse', '--quiet', '--verify', `${short}^{commit}`], this.local());
    const id = stdout.toString('latin1').trim();
    return id !== '' && (await this.#keep(id)) ? id : undefined;
  }

  async #keep(commit: string): Promise<boolean> {
    // A commit in the history of a shallow branch is not here, one in that of a full one is with all its files.
    const { status } = await tryGit(['update-ref', `refs/tsbuild/${commit}`, commit], this.local());
    return status === 0 && (await this.has(commit));
  }

  async #fetch(options: readonly string[], refspec: string): Promise<ToolResult> {
    const { remote, access } = this.#options;
    const args = ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', '--no-recurse-submodules'];
    const result = await tryGit([...args, ...options, '--', remote.url, refspec], this.local({ access }));
    if (result.status === 0 || !isDamage(result.stderr)) return result;
    throw new TsbuildError('IO_ERROR', `git fetch failed: ${lastWords(result.stderr)}`);
  }
}

/** What git says of the repository that it fetches into; lines that begin with `remote:` are the server's. */
function isDamage(stderr: string): boolean {
  const own = stderr.replaceAll(/^remote:.*$/gm, '');
  return /bad object|corrupt|unable to (?:read|create|update)|File exists|missing (?:blob|tree|commit)/.test(
    own,
  );
}

/** Servers of the older protocol give out what their refs name and no more; the simplest know no shallow fetch. */
function refusesCommit(stderr: string): boolean {
  return /not our ref|unadvertised object|shallow|--depth|couldn't find remote ref|no such remote ref|upload-pack/i.test(
    stderr,
  );
}
