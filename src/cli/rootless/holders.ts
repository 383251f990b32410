import {
  closeSync,
  fstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { isErrno } from '../../core/index.ts';
import { flock, openNamespaces, tryFlock, type Flock } from '../../sys/index.ts';

/** Descriptors of the namespaces that all containers of a user live in. */
export interface SharedNamespaces {
  readonly user: number;
  readonly mount: number;
}

/**
 * The processes of a user that keep containers alive, all in one user and mount namespace, so that every later command
 * finds them by going there (design decision 16). One is a file named by its pid, which that process holds locked: the
 * kernel lets go of the lock with the process, and a pid without it says nothing.
 */
export class NamespaceHolders {
  readonly #folder: string;

  /** `folder` is the user's runtime folder. */
  constructor(folder: string) {
    this.#folder = join(folder, 'namespaces');
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
  }

  /** Until it is released nobody else looks for namespaces, so that not two make some at once. */
  lock(): Promise<Flock> {
    return flock(join(this.#folder, 'lock'));
  }

  /** This process is a holder until it ends, wherever it goes with the descriptor. */
  register(): Flock {
    const path = join(this.#folder, String(process.pid));
    for (;;) {
      const lock = tryFlock(path);
      // Between the making of the file and the lock somebody has taken it for a dead process's.
      if (lock !== undefined && fstatSync(lock.fd).ino === statSync(path, { throwIfNoEntry: false })?.ino)
        return lock;
      lock?.release();
    }
  }

  /** The namespaces of the first living holder; undefined when there is none. Called with the lock held. */
  async find(): Promise<SharedNamespaces | undefined> {
    for (let pause = 1; ; pause = Math.min(pause * 2, 50)) {
      let underway = false;
      for (const pid of this.#living()) {
        const found = this.#namespacesOf(pid);
        if (found === 'underway') underway = true;
        else if (found !== undefined) return found;
      }
      if (!underway) return undefined;
      await sleep(pause);
    }
  }

  #living(): number[] {
    const pids = readdirSync(this.#folder).filter((name) => /^\d+$/.test(name));
    return pids.map(Number).filter((pid) => this.#isAlive(pid));
  }

  #isAlive(pid: number): boolean {
    const path = join(this.#folder, String(pid));
    const lock = tryFlock(path);
    if (lock === undefined) return true;
    rmSync(path, { force: true });
    lock.release();
    return false;
  }

  /** `underway`: it has said that it will be a holder, and is still where this process is, or where nobody has an id yet. */
  #namespacesOf(pid: number): SharedNamespaces | 'underway' | undefined {
    try {
      const found = openNamespaces(pid);
      // Both still of the process that holds the lock.
      const own = readlinkSync('/proc/self/ns/user') === readlinkSync(`/proc/${pid}/ns/user`);
      const isThere = !own && hasMaps(pid);
      const alive = this.#isAlive(pid);
      if (isThere && alive) return found;
      closeSync(found.user);
      closeSync(found.mount);
      return alive ? 'underway' : undefined;
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM')) return undefined;
      throw error;
    }
  }
}

/** Nobody can become anybody in a user namespace whose maps are not written yet (user_namespaces(7)). */
function hasMaps(pid: number): boolean {
  return ['uid_map', 'gid_map'].every((name) => readFileSync(`/proc/${pid}/${name}`, 'latin1') !== '');
}
