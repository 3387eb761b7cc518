import { type Ceiling, withoutMail } from './ceiling.js';
import type { Policy } from './policy.js';
import { beyond } from './proof.js';

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
