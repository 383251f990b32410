import type { Subject } from './subject.ts';
import type { Violation } from './types.ts';
import { consistentInstructionCasing, fromAsCasing } from './rules/casing.ts';
import { noEmptyContinuation } from './rules/continuation.ts';
import { legacyKeyValueFormat, maintainerDeprecated } from './rules/deprecated.ts';
import { invalidDefinitionDescription } from './rules/description.ts';
import { exposeInvalidFormat, exposeProtoCasing } from './rules/expose.ts';
import { invalidDefaultArgInFrom, undefinedArgInFrom } from './rules/from-args.ts';
import {
  fromPlatformFlagConstDisallowed,
  invalidBaseImagePlatform,
  redundantTargetPlatform,
} from './rules/from-platform.ts';
import { copyIgnoredFile } from './rules/ignored-file.ts';
import { jsonArgsRecommended, multipleInstructionsDisallowed } from './rules/launch.ts';
import { duplicateStageName, reservedStageName, stageNameCasing } from './rules/stage-names.ts';
import { secretsUsedInArgOrEnv, undefinedVar } from './rules/variables.ts';
import { workdirRelativePath } from './rules/workdir.ts';

export interface CheckRule {
  /** BuildKit's name, so that `skip=` means the same everywhere. */
  readonly name: string;
  /** One sentence. */
  readonly description: string;
  /** Speaks only when `experimental=` names it. */
  readonly experimental?: boolean;
  readonly check: (subject: Subject) => readonly Violation[];
}

/** In the order of BuildKit's own list. */
export const checkRules: readonly CheckRule[] = [
  { name: 'StageNameCasing', description: 'Stage names are in lower case.', check: stageNameCasing },
  { name: 'FromAsCasing', description: 'FROM and AS are written in the same case.', check: fromAsCasing },
  {
    name: 'NoEmptyContinuation',
    description: 'No blank line stands inside a continued instruction.',
    check: noEmptyContinuation,
  },
  {
    name: 'ConsistentInstructionCasing',
    description: 'All instructions of a file are written in the same case.',
    check: consistentInstructionCasing,
  },
  { name: 'DuplicateStageName', description: 'No two stages have the same name.', check: duplicateStageName },
  {
    name: 'ReservedStageName',
    description: 'No stage is called scratch or context.',
    check: reservedStageName,
  },
  {
    name: 'JSONArgsRecommended',
    description:
      'CMD and ENTRYPOINT are JSON arrays, so that the program gets the signals sent to the container.',
    check: jsonArgsRecommended,
  },
  {
    name: 'MaintainerDeprecated',
    description: 'The author of an image is a label, MAINTAINER is deprecated.',
    check: maintainerDeprecated,
  },
  {
    name: 'UndefinedArgInFrom',
    description: 'Variables of FROM are declared by an ARG before the first FROM.',
    check: undefinedArgInFrom,
  },
  {
    name: 'WorkdirRelativePath',
    description: 'The first WORKDIR is absolute, so that it does not depend on the base image.',
    check: workdirRelativePath,
  },
  { name: 'UndefinedVar', description: 'Variables are set before they are used.', check: undefinedVar },
  {
    name: 'MultipleInstructionsDisallowed',
    description: 'A stage has one CMD, one ENTRYPOINT and one HEALTHCHECK: only the last counts.',
    check: multipleInstructionsDisallowed,
  },
  {
    name: 'LegacyKeyValueFormat',
    description: 'ENV and LABEL join name and value by an equals sign.',
    check: legacyKeyValueFormat,
  },
  {
    name: 'InvalidBaseImagePlatform',
    description: 'The base image is of the platform that the build is for.',
    check: invalidBaseImagePlatform,
  },
  {
    name: 'RedundantTargetPlatform',
    description: 'FROM does not ask for the platform that it would take anyway.',
    check: redundantTargetPlatform,
  },
  {
    name: 'SecretsUsedInArgOrEnv',
    description: 'Secrets are no ARG or ENV, whose values stay in the image.',
    check: secretsUsedInArgOrEnv,
  },
  {
    name: 'InvalidDefaultArgInFrom',
    description: 'The defaults of global ARGs make a valid image name of every FROM.',
    check: invalidDefaultArgInFrom,
  },
  {
    name: 'FromPlatformFlagConstDisallowed',
    description: 'FROM does not fix the platform, unless the name of the stage says so.',
    check: fromPlatformFlagConstDisallowed,
  },
  {
    name: 'CopyIgnoredFile',
    description: 'COPY and ADD take nothing that the ignore file leaves out.',
    check: copyIgnoredFile,
  },
  {
    name: 'InvalidDefinitionDescription',
    description: 'A comment directly above FROM … AS or ARG describes it: # NAME text.',
    experimental: true,
    check: invalidDefinitionDescription,
  },
  {
    name: 'ExposeProtoCasing',
    description: 'Protocols of EXPOSE are in lower case.',
    check: exposeProtoCasing,
  },
  {
    name: 'ExposeInvalidFormat',
    description: 'EXPOSE names ports of the container only.',
    check: exposeInvalidFormat,
  },
];

/** Where a rule is explained, below the project's docs. */
export function ruleUrl(name: string): string {
  return `docs/checks.md#${name.toLowerCase()}`;
}
