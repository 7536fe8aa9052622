import { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import { warningIcon } from './icons';
import { moment } from './time';
import type { IKnowledge } from './wire';

/** Says what is not known, since when, and what to do; nothing where all is well. */
export function Banner(props: { knowledge: IKnowledge | null; hasJobs: boolean; trans: TranslationBundle }): JSX.Element {
  const { knowledge, hasJobs, trans } = props;
  const problem = knowledge?.problem;
  return (
    <div role="status" className="bs-Banner-place">
      {problem && (
        <div className="bs-Banner">
          <warningIcon.react tag="span" className="bs-Icon" aria-hidden="true" />
          <div>
            <strong>
              {hasJobs
                ? trans.__('Not up to date: this was true at %1.', moment(knowledge.since))
                : trans.__('Your jobs are not known.')}
            </strong>
            <p>{problem.what}</p>
            <p>{problem.next}</p>
          </div>
        </div>
      )}
    </div>
  );
}
