import {
  ConnectionLost,
  IConnectionLost,
  ILayoutRestorer,
  JupyterFrontEnd,
  JupyterFrontEndPlugin,
  JupyterLab
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { JobsApi } from './api';
import { addCommands } from './commands';
import { hubOf } from './hub';
import { followEvents, Watcher } from './live';
import { sayWhereToLook } from './lost';
import { JobsModel } from './model';
import { JobsPanel } from './panel';
import { saveChanged } from './saving';
import { SessionWidget } from './session';
import { Teller } from './teller';
import { CommandIDs, IJobsModel, PluginIDs } from './tokens';
import { Warner } from './warner';

const DOMAIN = 'beamside_lab';

const model: JupyterFrontEndPlugin<JobsModel> = {
  id: PluginIDs.model,
  description: "Keeps the user's jobs, live.",
  autoStart: true,
  provides: IJobsModel,
  activate: (app: JupyterFrontEnd): JobsModel => {
    const { serverSettings, events } = app.serviceManager;
    const jobs = new JobsModel({ api: new JobsApi(serverSettings) });
    followEvents(jobs, events);
    void jobs.refresh();
    return jobs;
  }
};

const jobs: JupyterFrontEndPlugin<void> = {
  id: PluginIDs.jobs,
  description: 'The jobs panel and its commands.',
  autoStart: true,
  requires: [IJobsModel],
  optional: [ITranslator, ICommandPalette, ILayoutRestorer],
  activate: (
    app: JupyterFrontEnd,
    model: JobsModel,
    translator: ITranslator | null,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null
  ): void => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const panel = new JobsPanel({ model, commands: app.commands, trans });
    app.shell.add(panel, 'left', { rank: 150 });
    restorer?.add(panel, panel.id);
    addCommands(app.commands, model, trans, () => app.shell.activateById(panel.id));
    for (const command of [CommandIDs.open, CommandIDs.cancel, CommandIDs.refresh]) {
      palette?.addItem({ command, category: trans.__('Jobs') });
    }
    const api = new JobsApi(app.serviceManager.serverSettings);
    const watcher = new Watcher(model, () => api.watch(), () => panel.isVisible);
    panel.sightChanged.connect(() => watcher.update());
  }
};

const session: JupyterFrontEndPlugin<void> = {
  id: PluginIDs.session,
  description: 'Time left of this session, in the status bar.',
  autoStart: true,
  requires: [IJobsModel, IStatusBar],
  optional: [ITranslator],
  activate: (app: JupyterFrontEnd, model: JobsModel, bar: IStatusBar, translator: ITranslator | null): void => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    bar.registerStatusItem(PluginIDs.session, {
      item: new SessionWidget({ model, commands: app.commands, trans }),
      align: 'right',
      rank: 10
    });
  }
};

const notices: JupyterFrontEndPlugin<void> = {
  id: PluginIDs.notices,
  description: 'Warns before this session ends, and saves in its last minute.',
  autoStart: true,
  requires: [IJobsModel, JupyterFrontEnd.IPaths],
  optional: [ITranslator],
  activate: (
    app: JupyterFrontEnd,
    model: JobsModel,
    paths: JupyterFrontEnd.IPaths,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const save = () => saveChanged(app.shell.widgets('main'));
    const teller = new Teller({ model, commands: app.commands, trans, hub: hubOf(paths.urls), save });
    const tell = teller.tell.bind(teller);
    // only when all is drawn: what is told before that is not shown
    void app.restored.then(() => new Warner({ model, memory: sessionStorage, tell, settle: () => teller.settle() }));
  }
};

const connectionLost: JupyterFrontEndPlugin<IConnectionLost> = {
  id: PluginIDs.connectionLost,
  description: 'Says where the end of this server is explained, once it does not answer.',
  autoStart: true,
  requires: [IJobsModel, JupyterFrontEnd.IPaths],
  optional: [ITranslator, JupyterLab.IInfo],
  provides: IConnectionLost,
  activate: (
    _app: JupyterFrontEnd,
    model: JobsModel,
    paths: JupyterFrontEnd.IPaths,
    translator: ITranslator | null,
    info: JupyterLab.IInfo | null
  ): IConnectionLost => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const hub = hubOf(paths.urls);
    return hub ? sayWhereToLook({ model, hub, trans }, info) : ConnectionLost;
  }
};

export default [model, jobs, session, notices, connectionLost];
