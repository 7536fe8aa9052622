import { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import { Message } from '@lumino/messaging';
import { Signal } from '@lumino/signaling';
import React, { lazy, Suspense } from 'react';

import { Banner } from './banner';
import type { IGridProps } from './grid';
import { useModel } from './hooks';
import { jobsIcon } from './icons';
import type { JobsModel } from './model';

// fetched when there is a first row to draw: the window over the rows is half of this extension's code
const Grid = lazy(() => import('./grid'));

/** Everything in the panel; reads the model and holds nothing of its own. */
function JobsView({ model, commands, trans }: IGridProps): JSX.Element {
  useModel(model);
  return (
    <div className="bs-Jobs">
      <div className="bs-Bar">
        <input
          type="search"
          className="bs-Filter jp-mod-styled"
          value={model.filter}
          placeholder={trans.__('Filter jobs')}
          aria-label={trans.__('Filter jobs by name, state, node, account, QOS or reservation')}
          onChange={event => {
            model.filter = event.target.value;
          }}
        />
        <span className="bs-Count" role="status">
          {count(model, trans)}
        </span>
      </div>
      <Banner knowledge={model.knowledge} hasJobs={model.jobs !== null} trans={trans} />
      {model.shown.length > 0 ? (
        <Suspense fallback={null}>
          <Grid model={model} commands={commands} trans={trans} />
        </Suspense>
      ) : (
        <p className="bs-Empty">{emptiness(model, trans)}</p>
      )}
    </div>
  );
}

function count(model: JobsModel, trans: TranslationBundle): string {
  const all = model.jobs?.length ?? 0;
  if (model.jobs === null) {
    return '';
  }
  return model.filter ? trans.__('%1 of %2', model.shown.length, all) : trans._n('%1 job', '%1 jobs', all, all);
}

/** Why there is no row: an empty list is said only where it is known to be empty. */
function emptiness(model: JobsModel, trans: TranslationBundle): string {
  if (model.jobs === null) {
    return model.knowledge ? '' : trans.__('Asking for your jobs.');
  }
  return model.jobs.length > 0 ? trans.__('No job has these words.') : trans.__('You have no jobs in the queue.');
}

/** The jobs panel of the left sidebar. */
export class JobsPanel extends ReactWidget {
  /** Emitted when the panel comes into sight or goes out of it. */
  readonly sightChanged = new Signal<this, void>(this);

  constructor(private readonly _props: IGridProps) {
    super();
    this.id = 'beamside-jobs';
    this.addClass('bs-JobsPanel');
    this.title.icon = jobsIcon;
    this.title.caption = _props.trans.__('Jobs');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', _props.trans.__('Jobs'));
  }

  protected override onAfterShow(msg: Message): void {
    super.onAfterShow(msg);
    this.update();
    this.sightChanged.emit();
  }

  protected override onAfterHide(msg: Message): void {
    super.onAfterHide(msg);
    this.update();
    this.sightChanged.emit();
  }

  /** Out of sight nothing is drawn, so that a closed panel counts no seconds. */
  protected override render(): JSX.Element | null {
    return this.isVisible ? <JobsView {...this._props} /> : null;
  }
}
