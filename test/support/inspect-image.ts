import type { Tsbuild } from './cli.ts';

/** What tests read of `tsbuild inspect` of an image. */
export interface InspectedImage {
  readonly Id: string;
  readonly RepoTags: readonly string[];
  readonly Config: {
    readonly Labels?: Record<string, string>;
    readonly Env?: readonly string[];
    readonly Cmd?: readonly string[];
  };
}

export async function inspectImage(cli: Tsbuild, name: string): Promise<InspectedImage> {
  const [found] = JSON.parse(await cli.ok(['inspect', name])) as InspectedImage[];
  if (found === undefined) throw new Error(`nothing about ${name}`);
  return found;
}
