import type { SourceExcerpt, SourceRange } from '../../core/index.ts';
import type { IgnoreMatcher } from '../ignore.ts';
import type { FromInstruction, RunMount, StageInstruction, StageSyntax } from '../types.ts';

/** What a build check has to say about a place of the Dockerfile. */
export interface CheckFinding {
  readonly rule: string;
  readonly message: string;
  /** What to do about it, where the message alone does not tell. */
  readonly detail?: string | undefined;
  readonly at: SourceExcerpt;
  /** BuildKit's scale, on which all of its checks are 1. */
  readonly level: 1;
}

/** What a check may know beyond the text. */
export interface CheckOptions {
  readonly buildArgs: ReadonlyMap<string, string>;
  /** TARGETPLATFORM, BUILDARCH …, which FROM sees without an ARG. */
  readonly platformArgs: ReadonlyMap<string, string>;
  /** Name or index: checks of what stages do look only at this one and those it needs; by default at all of them. */
  readonly target?: string | number | undefined;
  /** The context's ignore file, when it has one. */
  readonly ignore?: ContextIgnore | undefined;
  /** What is known of a base image. Without an answer, checks that depend on it keep quiet where they could be wrong. */
  readonly base?: ((image: string, platform: string | undefined) => BaseFacts | undefined) | undefined;
  /** Whether a text can name an image. */
  readonly isImageName: (text: string) => boolean;
  /** Reads `linux/amd64`; undefined for what is no platform. */
  readonly platformOf: (text: string) => PlatformFacts | undefined;
}

export interface ContextIgnore {
  /** For messages: `.dockerignore`. */
  readonly name: string;
  readonly matcher: IgnoreMatcher;
}

export interface PlatformFacts {
  readonly os: string;
  readonly architecture: string;
}

export interface BaseFacts extends PlatformFacts {
  readonly environment: ReadonlyMap<string, string>;
  /** The image's config has a SHELL. */
  readonly shell: boolean;
  /** The image has ONBUILD triggers, which may declare anything. */
  readonly triggers: boolean;
}

export type AnyInstruction = FromInstruction | StageInstruction;

/** A variable that had no value where it was used. */
export interface UndefinedName {
  readonly name: string;
  readonly suggestion?: string | undefined;
}

/** An instruction with what its words come to at its place; a word that cannot be expanded is left out. */
export interface InstructionFacts {
  readonly instruction: StageInstruction;
  readonly undefinedNames: readonly UndefinedName[];
  /** Sources that COPY and ADD take from the context. */
  readonly contextPaths: readonly string[];
  readonly ports: readonly string[];
  /** Of WORKDIR. */
  readonly workdir: string | undefined;
  /** Secret and ssh mounts. */
  readonly mounts: readonly RunMount[];
  readonly args: readonly ArgFacts[];
  /** A SHELL stands before it, in this stage or a base. */
  readonly shellSet: boolean;
  /** A WORKDIR of this file stands before it. */
  readonly workdirSet: boolean;
}

export interface ArgFacts {
  readonly name: string;
  readonly value?: string | undefined;
  /** The value is a global ARG's, whose description counts. */
  readonly inherited: boolean;
}

/** A FROM, expanded. */
export interface FromFacts {
  readonly stage: StageSyntax;
  readonly image: Expansion | undefined;
  readonly platform: Expansion | undefined;
  /** The earlier stage it builds on. */
  readonly parent: number | undefined;
  /** Of the base image, if that is known. */
  readonly base: BaseFacts | undefined;
}

export interface Expansion {
  readonly value: string;
  /** Names that had a value, and names that had none, whatever stands for them. */
  readonly matched: ReadonlySet<string>;
  readonly missing: ReadonlySet<string>;
}

export interface Violation {
  readonly message: string;
  readonly detail?: string | undefined;
  readonly range: SourceRange;
  /** The instructions whose comments may skip the rule here. */
  readonly owners: readonly { readonly comments?: readonly string[] | undefined }[];
}
