import type { SourceRange } from '../../core/index.ts';
import type { Dockerfile } from '../types.ts';
import { descriptionOf } from './comments.ts';

/** A stage as `build --call=targets` lists it. */
export interface Target {
  readonly name?: string | undefined;
  /** The one that is built when none is named. */
  readonly default: boolean;
  readonly description?: string | undefined;
  /** As written in FROM. */
  readonly base: string;
  readonly platform?: string | undefined;
  readonly range: SourceRange;
}

/** All stages, in the order of the file. */
export function targetsOf(dockerfile: Dockerfile): readonly Target[] {
  return dockerfile.stages.map(({ index, name, from }) => ({
    name,
    default: index === dockerfile.stages.length - 1,
    description: descriptionOf(from.comments, name),
    base: from.image,
    platform: from.platform,
    range: from.range,
  }));
}
