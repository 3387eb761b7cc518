import { dirname, isAbsolute, join } from 'node:path';
import type { Images } from '../images.js';
import { type Ceiling, withoutMail } from './ceiling.js';
import { type Decision, decisionsAbout, describeDecision } from './decisions.js';
import type { Exit } from './exit.js';
import type { Judge } from './judge.js';
import { type Policy, readPolicy } from './policy.js';
import { beyond } from './proof.js';
import type { Rewrites } from './rewrites.js';
import type { Step } from './steps.js';

/** What an ExportPolicy says of mail. */
export type Mail = 'deny' | 'allow';

/** What may ever leave by a policy: mail only where its ceiling and the graph both say so. */
export const ceilingInForce = ({ ceiling }: Policy, mail: Mail): Ceiling =>
  mail === 'allow' ? ceiling : withoutMail(ceiling);

/** What is wrong with a policy where mail may not leave; its own ceiling it keeps to. */
export function wrongWith(policy: Policy, mail: Mail): string | undefined {
  const ceiling = ceilingInForce(policy, mail);
  const problems = ceiling === policy.ceiling ? [] : policy.exceeds(ceiling);
  return problems.length > 0 ? `mail may not leave, since MAIL is not 'allow':\n${problems.join('\n')}` : undefined;
}

/**
 * What is wrong with a policy that is to follow another one. It may not let out what that one could not: the kernel's filter
 * was made of its ceiling.
 */
export function wrongAfter(policy: Policy, first: Policy, mail: Mail): string | undefined {
  const more = beyond(ceilingInForce(policy, mail), ceilingInForce(first, mail));
  return (
    wrongWith(policy, mail) ??
    (more &&
      `${policy.file}: its ceiling (${policy.ceiling.place}) allows more than that of the start (${first.ceiling.place}), such as ` +
        `${more}; to raise a ceiling, start anew`)
  );
}

export interface InForceOptions {
  /** What holds flows and packets against it. */
  readonly judge: Judge;
  readonly exit: Exit;
  readonly images: Images;
  readonly rewrites: Rewrites;
  readonly mail: Mail;
  /** A policy that was to be put into force has errors. */
  onRefusal(): void;
}

/** The policy in force, as a person sees it: how its rules have decided, and how another one takes its place. */
export class InForce {
  private readonly options: InForceOptions;
  /** The one of the start. */
  private readonly first: Policy;
  /** Flows decided, by the rule's place. */
  private readonly counts = new Map<string, number>();
  private asked: (decision: Decision) => boolean = () => true;

  constructor(options: InForceOptions) {
    this.options = options;
    this.first = options.judge.policy;
  }

  /** @throws {Error} if the policy replaces strings, and nobody would do it. Ask when all elements are made. */
  requireRewriter({ rewrites, file } = this.options.judge.policy): void {
    if (rewrites && !this.options.rewrites.present)
      throw new Error(`${file}: expected a Rewriter in the graph for rules that rewrite`);
  }

  /** A flow was decided by a step. */
  count({ rule: { place } }: Step): void {
    this.counts.set(place, (this.counts.get(place) ?? 0) + 1);
  }

  handlers() {
    const { judge } = this.options;
    return {
      rules: {
        read: () =>
          judge.policy.rules
            .map(({ place, action }) => `${place}\t${action.verdict}\t${this.counts.get(place) ?? 0}`)
            .join('\n'),
      },
      policy: {
        read: () => `${judge.policy.file}\t${judge.policy.rules.length} rules`,
        write: (text: string) => this.replace(text.trim()),
      },
      decisions: {
        read: () => [...judge.decisions].filter(this.asked).map(describeDecision).join('\n'),
        write: (text: string) => {
          this.asked = decisionsAbout(text.trim());
        },
      },
    };
  }

  /** Puts the policy of a file into force. @throws {Error} with all that is wrong; the policy in force then stays. */
  private replace(name: string): void {
    const { judge, exit, mail, onRefusal } = this.options;
    const { file } = judge.policy;
    try {
      const read = this.read(name === 'reload' ? file : isAbsolute(name) ? name : join(dirname(file), name));
      exit.install(ceilingInForce(read, mail));
      judge.install(read);
      this.counts.clear();
    } catch (error) {
      onRefusal();
      throw error;
    }
  }

  private read(file: string): Policy {
    const { images, mail } = this.options;
    const policy = readPolicy(file);
    const strange = policy.images.find((image) => !images.knows(image));
    if (strange !== undefined)
      throw new Error(
        `${file}: there is no sink '${strange}', nor clones of such an image; a graph names its images when it starts`,
      );
    this.requireRewriter(policy);
    const wrong = wrongAfter(policy, this.first, mail);
    if (wrong !== undefined) throw new Error(wrong);
    return policy;
  }
}
