import { TsbuildError, type EmitBuildEvent } from '../core/index.ts';
import {
  baseImagesOf,
  checkDockerfile,
  checkFailure,
  checkNotes,
  type BaseFacts,
  type CheckFinding,
  type CheckOptions,
} from '../dockerfile/index.ts';
import type { Dockerfile } from '../dockerfile/types.ts';
import { parseEnvironment, platformArgs, type ResolveBase } from '../graph/index.ts';
import { findImage, openImage } from '../image/index.ts';
import { formatPlatform, hostPlatform, parsePlatform, parseReference } from '../oci/index.ts';
import type { ImageConfig, Platform } from '../oci/types.ts';
import type { Store } from '../store/index.ts';
import type { BuildContext } from './context.ts';

export interface CheckRequest {
  readonly buildArgs?: ReadonlyMap<string, string> | undefined;
  readonly target?: string | undefined;
  readonly platform?: Platform | undefined;
  /** What COPY takes files from, as far as checks care. */
  readonly context?: Pick<BuildContext, 'ignore' | 'ignoreFile'> | undefined;
}

/** What the build checks, which know nothing of images, must be told. */
export function checkOptionsOf(
  dockerfile: Dockerfile,
  request: CheckRequest,
  base?: CheckOptions['base'],
): CheckOptions {
  const { target, context } = request;
  const platform = request.platform ?? hostPlatform();
  const known = platformArgs(
    { target, platform, buildPlatform: hostPlatform() },
    dockerfile.stages.at(-1)?.name,
  );
  const buildArgs = request.buildArgs ?? new Map<string, string>();
  const given = [...known].map(([name, value]) => [name, buildArgs.get(name) ?? value] as const);
  return {
    buildArgs,
    platformArgs: new Map(given),
    target,
    ignore:
      context?.ignoreFile === undefined ? undefined : { name: context.ignoreFile, matcher: context.ignore },
    base,
    isImageName: (text) => attempt(() => parseReference(text)) !== undefined,
    platformOf: (text) => attempt(() => parsePlatform(text)),
  };
}

function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}

/** Base images by name and platform, as they become known. */
class KnownBases {
  readonly #facts = new Map<string, BaseFacts>();
  readonly #platform: Platform;

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  add(image: string, platform: Platform, config: ImageConfig): void {
    this.#facts.set(keyOf(image, platform), factsOf(config));
  }

  readonly get: NonNullable<CheckOptions['base']> = (image, written) => {
    const platform = this.platformOf(written);
    return platform === undefined ? undefined : this.#facts.get(keyOf(image, platform));
  };

  platformOf(written: string | undefined): Platform | undefined {
    return written === undefined ? this.#platform : attempt(() => parsePlatform(written));
  }
}

function keyOf(image: string, platform: Platform): string {
  return `${formatPlatform(platform)} ${image}`;
}

function factsOf({ os, architecture, config }: ImageConfig): BaseFacts {
  return {
    os,
    architecture,
    environment: parseEnvironment(config?.Env ?? []),
    shell: (config?.Shell ?? []).length > 0,
    triggers: (config?.OnBuild ?? []).length > 0,
  };
}

/** Options that know the base images of the store; nothing is asked of a registry. */
export async function checkOptionsWithStore(
  dockerfile: Dockerfile,
  request: CheckRequest,
  store: Store,
): Promise<CheckOptions> {
  const bases = new KnownBases(request.platform ?? hostPlatform());
  const options = checkOptionsOf(dockerfile, request, bases.get);
  for (const { image, platform: written } of baseImagesOf(dockerfile, options)) {
    const platform = bases.platformOf(written);
    const config = platform === undefined ? undefined : await storedConfig(store, image, platform);
    if (platform !== undefined && config !== undefined) bases.add(image, platform, config);
  }
  return options;
}

/** An image that is not whole, or whose name says nothing, is as good as none. */
async function storedConfig(
  store: Store,
  image: string,
  platform: Platform,
): Promise<ImageConfig | undefined> {
  try {
    const found = (await findImage(store, image, { platform })) ?? (await findImage(store, image));
    return found === undefined ? undefined : (await openImage(store, found.manifest)).config;
  } catch (error) {
    if (error instanceof TsbuildError) return undefined;
    throw error;
  }
}

/** The checks of a build, which come to know the base images while it is planned. */
export interface BuildChecks {
  /** Remembers what is resolved. */
  watch(resolve: ResolveBase): ResolveBase;
  /** Waits for the plan and tells the findings, also when planning fails. Throws DOCKERFILE_CHECK. */
  around<T>(planning: Promise<T>): Promise<T>;
}

/** Throws for malformed settings; tells of those without effect. */
export function buildChecks(
  dockerfile: Dockerfile,
  request: CheckRequest,
  emit: EmitBuildEvent,
): BuildChecks {
  const bases = new KnownBases(request.platform ?? hostPlatform());
  // Checks are for what is built, which is all the build knows the bases of.
  const target = request.target ?? dockerfile.stages.length - 1;
  const options = { ...checkOptionsOf(dockerfile, request, bases.get), target };
  for (const { message, at } of checkNotes(dockerfile, options.buildArgs)) {
    emit({ type: 'warning', message, file: at?.file, range: at?.range });
  }
  const tell = (): readonly CheckFinding[] => {
    const findings = checkDockerfile(dockerfile, options);
    for (const finding of findings) {
      // Whoever resolves a base tells this, also of images that no FROM names.
      if (finding.rule === 'InvalidBaseImagePlatform') continue;
      emit({ type: 'warning', message: lineOf(finding), file: finding.at.file, range: finding.at.range });
    }
    return findings;
  };
  return {
    watch: (resolve) => async (name, platform) => {
      const base = await resolve(name, platform);
      bases.add(name, platform, base.config);
      return base;
    },
    async around(planning) {
      const planned = await planning.catch((error: unknown) => {
        // A plan that fails for a mistyped variable is explained by the finding.
        attempt(tell);
        throw error;
      });
      const failure = checkFailure(dockerfile, options.buildArgs, tell());
      if (failure !== undefined) throw failure;
      return planned;
    },
  };
}

function lineOf({ rule, message, detail }: CheckFinding): string {
  return `${rule}: ${message}${detail === undefined ? '' : ` (${detail})`}`;
}
