import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { ordinaryUser, type OrdinaryUser } from './as-user.ts';
import { NetworkWorld } from './network-world.ts';
import { findTool } from './requires.ts';

export interface UserWorldOptions {
  /** First of the ids that are the user's beside his own; his processes are told from other tests' by it. */
  readonly firstId: number;
  /** Programs that are not there for him. */
  readonly without?: readonly string[];
  /** He may not open /dev/net/tun. */
  readonly closedTun?: boolean;
}

/** An ordinary user of a machine of its own, where he may open /dev/net/tun as on common systems. */
export class UserWorld implements AsyncDisposable {
  readonly world: NetworkWorld;
  readonly user: OrdinaryUser;
  /** What a command line begins with to be his. */
  readonly through: readonly string[];
  readonly #firstId: number;

  private constructor(world: NetworkWorld, { firstId, without = [], closedTun = false }: UserWorldOptions) {
    this.world = world;
    this.#firstId = firstId;
    this.user = ordinaryUser({ ranges: [`${firstId}:65536`] });
    const hidden = without.flatMap((name) => findTool(name) ?? []);
    this.through = [
      ...['nsenter', `--net=${world.host.path}`, 'unshare', '--mount', '--propagation', 'private'],
      ...['sh', '-c', surround, closedTun ? '600' : '666', hidden.join(' '), ...this.user.through],
    ];
  }

  static async make(options: UserWorldOptions): Promise<UserWorld> {
    return new UserWorld(await NetworkWorld.make(), options);
  }

  /** Command lines of his processes that are in his user namespace. */
  processes(): string[] {
    return this.#own().map(({ line }) => line);
  }

  /** Numbers of his processes whose program has the name. */
  programs(name: string): number[] {
    return this.#own().flatMap(({ pid, line }) => (line.split(' ')[0]?.endsWith(`/${name}`) ? [pid] : []));
  }

  #own(): { readonly pid: number; readonly line: string }[] {
    return readdirSync('/proc').flatMap((pid) => {
      if (!/^\d+$/.test(pid)) return [];
      try {
        const own = new RegExp(` ${this.#firstId} +65536\n`).test(
          readFileSync(`/proc/${pid}/uid_map`, 'latin1'),
        );
        // One that has ended and that nobody has waited for has no program.
        return own && readlinkSync(`/proc/${pid}/exe`) !== ''
          ? [{ pid: Number(pid), line: readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ') }]
          : [];
      } catch {
        return [];
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.world[Symbol.asyncDispose]();
  }
}

/** Test machines have the device for root alone. Of the machine itself nothing changes. */
const surround = `
set -e
mode=$0 hidden=$1
shift
mount -t tmpfs none /dev/net
mknod -m $mode /dev/net/tun c 10 200
for program in $hidden; do mount --bind /dev/null $program; done
exec "$@"`;
