// Makes the board and the alert rules with Grafana's foundation SDK: `npm ci && npm run generate`. What it writes is committed;
// `node generate.mjs DIR` writes below another folder (tests compare).
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import alerting from '@grafana/grafana-foundation-sdk/alerting';
import common from '@grafana/grafana-foundation-sdk/common';
import dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import expr from '@grafana/grafana-foundation-sdk/expr';
import prometheus from '@grafana/grafana-foundation-sdk/prometheus';
import stat from '@grafana/grafana-foundation-sdk/stat';
import timeseries from '@grafana/grafana-foundation-sdk/timeseries';

const SOURCE = { type: 'prometheus', uid: '${datasource}' };
const ALERT_SOURCE = 'raksa'; // the data source's uid in provisioning/datasources/raksa.yaml
const GREEN = 'green';
const RED = 'red';
const OF_TARGET = '{target=~"$target"}';
/** @type {import('@grafana/grafana-foundation-sdk/dashboard').ValueMapping[]} */
const UP_DOWN = [
  { type: dashboard.MappingType.ValueToText, options: { 0: { text: 'DOWN', color: RED, index: 0 }, 1: { text: 'UP', color: GREEN, index: 1 } } },
];

const steps = (...list) =>
  new dashboard.ThresholdsConfigBuilder()
    .mode(dashboard.ThresholdsMode.Absolute)
    .steps(list.map(([value, color]) => ({ value, color })));
const UP = steps([null, RED], [1, GREEN]);
const GOOD_CODE = steps([null, RED], [200, GREEN], [201, RED]);
const BELOW_80 = steps([null, GREEN], [80, RED]);
const PLAIN = steps([null, 'text']);

const query = (expression, legend) => new prometheus.DataqueryBuilder().datasource(SOURCE).expr(expression).legendFormat(legend).refId('A');

/**
 * @typedef {object} Look
 * @property {string} [unit]
 * @property {import('@grafana/grafana-foundation-sdk/dashboard').ThresholdsConfigBuilder} [thresholds]
 * @property {import('@grafana/grafana-foundation-sdk/dashboard').ValueMapping[]} [mappings]
 * @property {import('@grafana/grafana-foundation-sdk/common').BigValueColorMode} [color]
 * @property {number} [span] of 24 columns
 * @property {number} [decimals]
 * @property {number} [min]
 * @property {number} [max]
 * @property {boolean} [line] draw the thresholds
 * @property {boolean} [step] a value holds until the next
 */

/**
 * A big number of the newest value.
 * @param {string} title @param {string} expression @param {string} legend @param {Look} look
 */
function number(title, expression, legend, { unit = 'short', thresholds = PLAIN, mappings = [], color = common.BigValueColorMode.Value, span = 8, decimals } = {}) {
  const panel = new stat.PanelBuilder()
    .title(title)
    .datasource(SOURCE)
    .withTarget(query(expression, legend).instant())
    .unit(unit)
    .thresholds(thresholds)
    .mappings(mappings)
    .colorMode(color)
    .colorScheme(new dashboard.FieldColorBuilder().mode(dashboard.FieldColorModeId.Thresholds))
    .graphMode(common.BigValueGraphMode.None)
    .textMode(common.BigValueTextMode.ValueAndName)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']))
    .noValue('no data')
    .height(5)
    .span(span);
  return decimals === undefined ? panel : panel.decimals(decimals);
}

/**
 * A graph over time.
 * @param {string} title @param {string} expression @param {string} legend @param {Look} look
 */
function graph(title, expression, legend, { unit = 'short', thresholds = PLAIN, mappings = [], line = false, span = 8, min, max, step = false } = {}) {
  let panel = new timeseries.PanelBuilder()
    .title(title)
    .datasource(SOURCE)
    .withTarget(query(expression, legend).range())
    .unit(unit)
    .thresholds(thresholds)
    .mappings(mappings)
    .thresholdsStyle(new common.GraphThresholdsStyleConfigBuilder().mode(line ? common.GraphThresholdsStyleMode.Dashed : common.GraphThresholdsStyleMode.Off))
    .lineInterpolation(step ? common.LineInterpolation.StepAfter : common.LineInterpolation.Linear)
    .spanNulls(false)
    .legend(new common.VizLegendOptionsBuilder().displayMode(common.LegendDisplayMode.List).placement(common.LegendPlacement.Bottom).showLegend(true))
    .tooltip(new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi).sort(common.SortOrder.Descending))
    .height(8)
    .span(span);
  if (min !== undefined) panel = panel.min(min);
  if (max !== undefined) panel = panel.max(max);
  return panel;
}

function board() {
  const ping = `ping${OF_TARGET}`;
  const port = `port${OF_TARGET}`;
  const code = `http_code${OF_TARGET}`;
  const percent = { unit: 'percent', thresholds: BELOW_80, decimals: 1 };
  const history = { unit: 'percent', thresholds: BELOW_80, line: true, min: 0, max: 100 };
  const background = common.BigValueColorMode.Background;
  return new dashboard.DashboardBuilder('Raksa')
    .uid('raksa-board')
    .description('Servers as Raksa sees them: the six sections of its own page')
    .tags(['raksa'])
    .timezone('browser')
    .time({ from: 'now-1h', to: 'now' })
    .refresh('5s')
    .timepicker(new dashboard.TimePickerBuilder().refreshIntervals(['5s', '10s', '30s', '1m', '5m']))
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .withVariable(new dashboard.DatasourceVariableBuilder('datasource').label('Data source').type('prometheus').current({ text: 'Raksa', value: 'raksa', selected: true }))
    .withVariable(
      new dashboard.QueryVariableBuilder('target')
        .label('Server')
        .datasource(SOURCE)
        .query('label_values(ping, target)')
        .refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
        .sort(dashboard.VariableSort.AlphabeticalAsc)
        .multi(true)
        .includeAll(true)
        .current({ text: 'All', value: '$__all', selected: true }),
    )
    .withRow(new dashboard.RowBuilder('Status'))
    .withPanel(number('Ping', ping, '{{target}}', { thresholds: UP, mappings: UP_DOWN, color: background }))
    .withPanel(number('Port', port, '{{target}} {{port}}', { thresholds: UP, mappings: UP_DOWN, color: background }))
    .withPanel(number('HTTP code', code, '{{target}}', { thresholds: GOOD_CODE, unit: 'none', color: background }))
    .withRow(new dashboard.RowBuilder('Status History'))
    .withPanel(graph('Ping', ping, '{{target}}', { mappings: UP_DOWN, step: true, min: 0, max: 1 }))
    .withPanel(graph('Port', port, '{{target}} {{port}}', { mappings: UP_DOWN, step: true, min: 0, max: 1 }))
    .withPanel(graph('HTTP code', code, '{{target}}', { unit: 'none', step: true, min: 0 }))
    .withRow(new dashboard.RowBuilder('Resource'))
    .withPanel(number('CPUs', `cpu_core${OF_TARGET}`, '{{target}}', { unit: 'none', span: 4 }))
    .withPanel(number('Memory', `mem_total${OF_TARGET}`, '{{target}}', { unit: 'bytes', span: 5 }))
    .withPanel(number('Memory used', `mem_used${OF_TARGET}`, '{{target}}', { unit: 'bytes', span: 5 }))
    .withPanel(number('Disk', `disk_total${OF_TARGET}`, '{{target}} {{path}}', { unit: 'bytes', span: 5 }))
    .withPanel(number('Disk used', `disk_used${OF_TARGET}`, '{{target}} {{path}}', { unit: 'bytes', span: 5 }))
    .withRow(new dashboard.RowBuilder('Resource Utilization'))
    .withPanel(number('CPU', `cpu_percent${OF_TARGET}`, '{{target}}', percent))
    .withPanel(number('Memory', `mem_percent${OF_TARGET}`, '{{target}}', percent))
    .withPanel(number('Disk', `disk_percent${OF_TARGET}`, '{{target}} {{path}}', percent))
    .withRow(new dashboard.RowBuilder('Resource Utilization History'))
    .withPanel(graph('CPU', `cpu_percent${OF_TARGET}`, '{{target}}', history))
    .withPanel(graph('Memory', `mem_percent${OF_TARGET}`, '{{target}}', history))
    .withPanel(graph('Disk', `disk_percent${OF_TARGET}`, '{{target}} {{path}}', history))
    .withRow(new dashboard.RowBuilder('Network'))
    .withPanel(number('Received', `rate(bits_received${OF_TARGET}[1m])`, '{{target}} {{interface}}', { unit: 'bps', span: 6 }))
    .withPanel(number('Sent', `rate(bits_sent${OF_TARGET}[1m])`, '{{target}} {{interface}}', { unit: 'bps', span: 6 }))
    .withPanel(graph('Received', `rate(bits_received${OF_TARGET}[$__rate_interval])`, '{{target}} {{interface}}', { unit: 'bps', span: 6, min: 0 }))
    .withPanel(graph('Sent', `rate(bits_sent${OF_TARGET}[$__rate_interval])`, '{{target}} {{interface}}', { unit: 'bps', span: 6, min: 0 }))
    .build();
}

/** WHEN last() OF query(A, 10s, now) meets a comparison; without data and in trouble the last state stays. */
function rule(uid, title, metric, comparison, severity, summary) {
  const one = (refId, model) => new alerting.QueryBuilder(refId).model(model).relativeTimeRange({ from: 10, to: 0 });
  const inner = { type: '__expr__', uid: '__expr__' };
  return new alerting.RuleBuilder(title)
    .uid(uid)
    .orgID(1)
    .folderUID('Raksa')
    .ruleGroup('Raksa')
    .condition('C')
    .withQuery(one('A', new prometheus.DataqueryBuilder().refId('A').expr(metric).range().intervalMs(5000).maxDataPoints(100)).datasourceUid(ALERT_SOURCE))
    .withQuery(one('B', new expr.TypeReduceBuilder().refId('B').datasource(inner).expression('A').reducer('last')).datasourceUid('__expr__'))
    .withQuery(one('C', new expr.TypeMathBuilder().refId('C').datasource(inner).expression(`$B ${comparison}`)).datasourceUid('__expr__'))
    .noDataState('KeepLast')
    .execErrState('KeepLast')
    .forDuration('0s')
    .labels({ severity, metric })
    .annotations({ summary })
    .notificationSettings(new alerting.NotificationSettingsBuilder().receiver('Raksa'))
    .build();
}

function rules() {
  const url = '{{ $labels.url }}';
  const value = '{{ printf "%.1f" $values.B.Value }}';
  const list = [
    rule('raksa-ping', 'Ping', 'ping', '!= 1', 'critical', `Monitoring: Ping : no response - ${url}`),
    rule('raksa-port', 'Port', 'port', '!= 1', 'critical', `Monitoring: Port {{ $labels.port }} : closed - ${url}`),
    rule('raksa-http-code', 'HttpCode', 'http_code', '!= 200', 'critical', `Monitoring: HTTP Code Status : Error - ${url}`),
    rule('raksa-cpu', 'CpuHigh', 'cpu_percent', '> 80', 'warning', `Monitoring: CPU : ${value} % - ${url}`),
    rule('raksa-memory', 'MemoryHigh', 'mem_percent', '> 80', 'warning', `Monitoring: Memory : ${value} % - ${url}`),
    rule('raksa-disk', 'DiskHigh', 'disk_percent', '> 80', 'warning', `Monitoring: Disk {{ $labels.path }} : ${value} % - ${url}`),
  ];
  // A file names the group's folder where the API names it in each rule; group and organisation stand once.
  const plain = list.map(({ folderUID: _folder, ruleGroup: _group, orgID: _org, ...rest }) => rest);
  return { apiVersion: 1, groups: [{ orgId: 1, name: 'Raksa', folder: 'Raksa', interval: '10s', rules: plain }] };
}

function contactPoints() {
  const point = new alerting.ContactPointBuilder()
    .uid('raksa')
    .name('Raksa')
    .type('webhook')
    .settings({
      url: '${RAKSA_URL}/api/v1/webhook/grafana',
      httpMethod: 'POST',
      authorization_scheme: 'Bearer',
      authorization_credentials: '${RAKSA_ALERT_TOKEN}',
      maxAlerts: 0,
    })
    .disableResolveMessage(false)
    .build();
  const { name, ...receiver } = point;
  return { apiVersion: 1, contactPoints: [{ orgId: 1, name, receivers: [receiver] }] };
}

const here = process.argv[2] ?? dirname(fileURLToPath(import.meta.url));
/** @type {[string, object][]} */
const files = [
  ['dashboards/raksa.json', board()],
  ['provisioning/alerting/rules.json', rules()],
  ['provisioning/alerting/contact-point.json', contactPoints()],
];
for (const [path, value] of files) {
  const file = join(here, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, JSON.stringify(value, null, 2) + '\n');
}
