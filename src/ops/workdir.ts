import { fromText } from '../core/index.ts';
import type { WorkdirStep } from '../graph/types.ts';
import { resolveOwner } from '../runtime/index.ts';
import type { CacheMap, Op } from '../solver/index.ts';
import { commitState } from './state.ts';
import type { BuildServices, State } from './types.ts';

/** WORKDIR: the folder, 0755 and the user's where it is missing; what exists stays as it is (L-198). */
export class WorkdirOp implements Op<State> {
  readonly #step: WorkdirStep;
  readonly #services: BuildServices;

  constructor(step: WorkdirStep, services: BuildServices) {
    this.#step = step;
    this.#services = services;
  }

  async cacheMap(): Promise<CacheMap<State>> {
    const { path, user } = this.#step;
    return {
      parts: { op: 'workdir', path, user },
      inputs: [{ contentDigest: async (state) => (await state.settled).contentDigest }],
    };
  }

  async exec([parent]: readonly State[]): Promise<State> {
    if (parent === undefined) throw new Error('WORKDIR has no root to work in');
    await using active = await this.#services.snapshotter.prepare(parent.snapshot);
    {
      await using mounted = await active.mount();
      // Read as --chown is, not as USER: a number alone is user and group, as BuildKit has it.
      const { uid, gid } = resolveOwner(mounted.root, this.#step.user);
      const { path, time } = this.#step;
      const made = mounted.root.mkdirAll(fromText(path), { mode: 0o755, uid, gid });
      if (time !== undefined) for (const folder of made) mounted.root.setTimes(folder, { seconds: time });
    }
    return await commitState(this.#services, parent, active);
  }
}
