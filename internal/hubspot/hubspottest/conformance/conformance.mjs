// Drives the HubSpot stand-in with HubSpot's official client: what the client
// cannot send, read or tell apart, the stand-in gets wrong. Every answer is
// also held against the client's own models: a field they do not know is one
// that HubSpot does not send.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

const require = createRequire(`${process.cwd()}/package.json`); // the packages are not beside this file
const { Client } = require('@hubspot/api-client');
const models = {
  contacts: require('@hubspot/api-client/lib/codegen/crm/contacts/models/all.js'),
  properties: require('@hubspot/api-client/lib/codegen/crm/properties/models/all.js'),
  associations: require('@hubspot/api-client/lib/codegen/crm/associations/v4/models/all.js'),
  forms: require('@hubspot/api-client/lib/codegen/marketing/forms/models/all.js'),
  webhooks: require('@hubspot/api-client/lib/codegen/webhooks/models/all.js'),
};

const { HUBSPOT_URL: basePath, HUBSPOT_TOKEN: accessToken, HUBSPOT_KEY: developerApiKey, HUBSPOT_APP: appId } = process.env;

// Fields that HubSpot sends since 2026 but that the v3 models do not have.
const newer = new Set(['url', 'dataSensitivity']);

// The models' names of an answer's fields, against the fields on the wire.
function fits(Model, value, where) {
  const known = new Map(Model.getAttributeTypeMap().map((a) => [a.baseName, a]));
  for (const [name, v] of Object.entries(value)) {
    if (newer.has(name)) continue;
    const attribute = known.get(name);
    assert.ok(attribute, `${where} has the field ${name}, which ${Model.name} does not know`);
    const one = v !== null && attribute.type.startsWith('Array<');
    assert.equal(Array.isArray(v), one, `${where}.${name} should be ${attribute.type}`);
    const family = Object.values(models).find((m) => Object.values(m).includes(Model));
    const Inner = family?.[attribute.type.replace(/^Array<(.*)>$/, '$1')];
    if (Inner?.getAttributeTypeMap) (one ? v : [v]).forEach((x, i) => fits(Inner, x, `${where}.${name}[${i}]`));
  }
}

// One call outside of the typed client, to see the answer as it is.
async function wire(method, path, body) {
  const answer = await fetch(basePath + path, {
    method,
    headers: { authorization: `Bearer ${accessToken}`, 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  return { status: answer.status, body: await answer.json() };
}

async function refusal(call) {
  try {
    await call();
  } catch (e) {
    assert.equal(typeof e.code, 'number', `no refusal of HubSpot's but ${e}`);
    return e;
  }
  return assert.fail('the call was not refused');
}

const client = new Client({ basePath, accessToken });
const { contacts, deals, companies, properties } = client.crm;

const steps = {
  async 'group and properties'() {
    await properties.groupsApi.create('contacts', { name: 'impact_advocate', label: 'Advocate', displayOrder: -1 });
    const property = (name) => ({ name, label: name, groupName: 'impact_advocate', type: 'string', fieldType: 'text' });
    const made = await properties.batchApi.create('contacts', { inputs: [property('code'), property('link')] });
    assert.deepEqual(made.results.map((p) => p.name).sort(), ['code', 'link']);
    assert.ok(made.results[0].createdAt instanceof Date);
    const one = await properties.coreApi.getByName('contacts', 'code');
    assert.equal(one.groupName, 'impact_advocate');
    assert.equal((await refusal(() => properties.coreApi.create('contacts', property('code')))).code, 409);
    const read = await properties.batchApi.read('contacts', {
      inputs: [{ name: 'code' }, { name: 'nope' }], archived: false,
    });
    assert.equal(read.results.length, 1);
    assert.equal(read.errors[0].category, 'OBJECT_NOT_FOUND');
    await properties.batchApi.archive('contacts', { inputs: [{ name: 'link' }] });
    assert.equal((await refusal(() => properties.coreApi.getByName('contacts', 'link'))).code, 404);
    const archived = await properties.coreApi.getAll('contacts', true);
    assert.deepEqual(archived.results.map((p) => p.name), ['link']);
    await properties.coreApi.create('contacts', property('link'));
    fits(models.properties.Property, (await wire('GET', '/crm/v3/properties/contacts/code')).body, 'property');
    fits(models.properties.PropertyGroup, (await wire('GET', '/crm/v3/properties/contacts/groups/impact_advocate')).body, 'group');
  },

  async 'one contact'() {
    const made = await contacts.basicApi.create({ properties: { email: 'Ada@Example.test', firstname: 'Ada' }, associations: [] });
    assert.match(made.id, /^\d{11,}$/);
    assert.equal(made.properties.email, 'ada@example.test');
    assert.ok(made.createdAt instanceof Date);
    const taken = await refusal(() => contacts.basicApi.create({ properties: { email: 'ada@example.test' }, associations: [] }));
    assert.equal(taken.code, 409);
    assert.equal(taken.body.message, `Contact already exists. Existing ID: ${made.id}`);
    const byEmail = await contacts.basicApi.getById('ada@example.test', ['firstname', 'lastname'], undefined, undefined, false, 'email');
    assert.equal(byEmail.id, made.id);
    assert.equal(byEmail.properties.lastname, null);
    const changed = await contacts.basicApi.update(made.id, { properties: { code: 'ADA1' } });
    assert.equal(changed.properties.code, 'ADA1');
    const bad = await refusal(() => contacts.basicApi.update(made.id, { properties: { email: 'nonsense' } }));
    assert.equal(bad.code, 400);
    assert.equal(bad.body.category, 'VALIDATION_ERROR');
    assert.equal(bad.body.errors[0].code, 'INVALID_EMAIL');
    const raw = await wire('GET', `/crm/v3/objects/contacts/${made.id}`);
    fits(models.contacts.SimplePublicObjectWithAssociations, raw.body, 'contact');
    await contacts.basicApi.archive(made.id);
    assert.equal((await refusal(() => contacts.basicApi.getById(made.id))).code, 404);
    const binned = await contacts.basicApi.getById(made.id, undefined, undefined, undefined, true);
    assert.ok(binned.archived && binned.archivedAt instanceof Date);
  },

  async 'batches'() {
    const inputs = ['a', 'b', 'c'].map((n) => ({
      properties: { email: `${n}@example.test` }, objectWriteTraceId: `create-${n}`, associations: [],
    }));
    const made = await contacts.batchApi.create({ inputs });
    assert.equal(made.status, 'COMPLETE');
    assert.equal(made.errors, undefined);
    const id = Object.fromEntries(made.results.map((r) => [r.objectWriteTraceId, r.id]));
    const mixed = await contacts.batchApi.create({ inputs: [
      { properties: { email: 'd@example.test' }, objectWriteTraceId: 'new', associations: [] },
      { properties: { email: 'a@example.test' }, objectWriteTraceId: 'taken', associations: [] },
    ] });
    assert.equal(mixed.numErrors, 1);
    assert.deepEqual(mixed.results.map((r) => r.objectWriteTraceId), ['new']);
    assert.deepEqual(mixed.errors[0].context.objectWriteTraceId, ['taken']);
    assert.equal(mixed.errors[0].category, 'CONFLICT');
    const updated = await contacts.batchApi.update({ inputs: [
      { id: id['create-a'], properties: { code: 'A1' }, objectWriteTraceId: 'known' },
      { id: '99', properties: { code: 'X1' }, objectWriteTraceId: 'unknown' },
    ] });
    assert.deepEqual(updated.results.map((r) => r.properties.code), ['A1']);
    assert.deepEqual(updated.errors[0].context.objectWriteTraceId, ['unknown']);
    const read = await contacts.batchApi.read({
      idProperty: 'email', properties: ['code'], propertiesWithHistory: [],
      inputs: [{ id: 'A@example.test' }, { id: 'nobody@example.test' }],
    });
    assert.deepEqual(read.results.map((r) => r.id), [id['create-a']]);
    assert.deepEqual(read.errors[0].context.ids, ['nobody@example.test']);
    const upserted = await contacts.batchApi.upsert({ inputs: [
      { id: 'b@example.test', idProperty: 'email', properties: { code: 'B1' } },
      { id: 'e@example.test', idProperty: 'email', properties: { code: 'E1' } },
    ] });
    assert.deepEqual(upserted.results.map((r) => r._new).sort(), [false, true]);
    await contacts.batchApi.archive({ inputs: [{ id: id['create-c'] }, { id: '99' }] });
    const raw = await wire('POST', '/crm/v3/objects/contacts/batch/update', { inputs: [
      { id: id['create-a'], properties: { code: 'A2' }, objectWriteTraceId: 'known' },
      { id: '99', properties: { code: 'X2' }, objectWriteTraceId: 'unknown' },
    ] });
    assert.equal(raw.status, 207);
    fits(models.contacts.BatchResponseSimplePublicObjectWithErrors, raw.body, 'batch');
    const twice = await refusal(() => contacts.batchApi.update({ inputs: [1, 2].map(() => ({ id: id['create-a'], properties: {} })) }));
    assert.equal(twice.code, 400);
  },

  async 'search and list'() {
    const found = await contacts.searchApi.doSearch({
      filterGroups: [{ filters: [{ propertyName: 'email', operator: 'EQ', value: 'a@example.test' }] }],
      properties: ['code'], limit: 10, after: 0, sorts: [],
    });
    assert.equal(found.total, 1);
    assert.equal(found.results[0].properties.code, 'A2');
    const all = await contacts.getAll(2, undefined, ['email']);
    assert.deepEqual(all.map((c) => c.properties.email).sort(), ['a', 'b', 'd', 'e'].map((n) => `${n}@example.test`));
    const raw = await wire('POST', '/crm/v3/objects/contacts/search', { limit: 1 });
    fits(models.contacts.CollectionResponseWithTotalSimplePublicObjectForwardPaging, raw.body, 'search');
  },

  async 'merge and erase'() {
    const [a, b] = await Promise.all(['m1', 'm2'].map((n) => contacts.basicApi.create({ properties: { email: `${n}@example.test` }, associations: [] })));
    const merged = await contacts.basicApi.merge({ primaryObjectId: a.id, objectIdToMerge: b.id });
    assert.ok(![a.id, b.id].includes(merged.id));
    assert.equal((await contacts.basicApi.getById(b.id)).id, merged.id);
    await contacts.basicApi.purge({ objectId: merged.id });
    assert.equal((await refusal(() => contacts.basicApi.getById(merged.id, undefined, undefined, undefined, true))).code, 404);
  },

  async 'deals, companies, associations'() {
    const buyer = await contacts.basicApi.create({ properties: { email: 'buyer@example.test' }, associations: [] });
    const company = await companies.basicApi.create({ properties: { name: 'Example Ltd' }, associations: [] });
    const deal = await deals.basicApi.create({
      properties: { dealname: 'Big', dealstage: 'closedwon', amount: '99.5' },
      associations: [
        { to: { id: buyer.id }, types: [{ associationCategory: 'HUBSPOT_DEFINED', associationTypeId: 3 }] },
        { to: { id: company.id }, types: [{ associationCategory: 'HUBSPOT_DEFINED', associationTypeId: 5 }] },
      ],
    });
    const read = await deals.basicApi.getById(deal.id, ['dealstage'], undefined, ['contacts']);
    assert.deepEqual({ ...read.associations.contacts.results[0] }, { id: buyer.id, type: 'deal_to_contact' });
    const page = await client.crm.associations.v4.batchApi.getPage('deals', 'contacts', { inputs: [{ id: deal.id }] });
    assert.equal(String(page.results[0].to[0].toObjectId), buyer.id);
    assert.equal(page.results[0].to[0].associationTypes[0].typeId, 3);
    const of = await client.crm.associations.v4.basicApi.getPage('contacts', buyer.id, 'deals');
    assert.equal(String(of.results[0].toObjectId), deal.id);
    const raw = await wire('POST', '/crm/v4/associations/deals/contacts/batch/read', { inputs: [{ id: deal.id }] });
    fits(models.associations.BatchResponsePublicAssociationMultiWithLabel, raw.body, 'associations');
  },

  async 'OAuth'() {
    const grant = (await (await fetch(`${basePath}/_admin/portals/default/authorize`, {
      method: 'POST', body: JSON.stringify({ redirect_uri: 'https://sync.example.test/back' }),
    })).json());
    const { HUBSPOT_CLIENT_ID: id, HUBSPOT_CLIENT_SECRET: secret } = process.env;
    const tokens = await client.oauth.tokensApi.create('authorization_code', grant.code, 'https://sync.example.test/back', id, secret);
    assert.equal(tokens.expiresIn, 1800);
    const again = await client.oauth.tokensApi.create('refresh_token', undefined, undefined, id, secret, tokens.refreshToken);
    const other = new Client({ basePath, accessToken: again.accessToken });
    assert.equal((await other.crm.contacts.basicApi.getPage(1)).results.length, 1);
    const nobody = new Client({ basePath, accessToken: 'wrong' });
    const e = await refusal(() => nobody.crm.contacts.basicApi.getPage(1));
    assert.equal(e.code, 401);
    assert.equal(e.body.category, 'INVALID_AUTHENTICATION');
  },

  async 'webhook subscriptions and forms'() {
    const developer = new Client({ basePath, developerApiKey, accessToken });
    const made = await developer.webhooks.subscriptionsApi.create(Number(appId), {
      eventType: 'contact.propertyChange', propertyName: 'phone', active: true,
    });
    assert.equal(made.active, true);
    const all = await developer.webhooks.subscriptionsApi.getAll(Number(appId));
    assert.ok(all.results.some((s) => s.id === made.id));
    const raw = await wire('GET', `/webhooks/v3/${appId}/subscriptions?hapikey=${developerApiKey}`);
    fits(models.webhooks.SubscriptionListResponse, raw.body, 'subscriptions');
    await fetch(`${basePath}/_admin/portals/default/forms`, {
      method: 'POST', body: JSON.stringify({ name: 'Sign up', fields: ['email'] }),
    });
    const forms = await client.marketing.forms.formsApi.getPage();
    assert.equal(forms.results[0].name, 'Sign up');
    assert.equal(forms.results[0].fieldGroups[0].fields[0].fieldType, 'email');
    fits(models.forms.HubSpotFormDefinition, (await wire('GET', `/marketing/v3/forms/${forms.results[0].id}`)).body, 'form');
  },

  async 'rate limit, recognised and waited out by the client'() {
    await fetch(`${basePath}/_admin/faults`, {
      method: 'POST', body: JSON.stringify({ status: 429, policy: 'SECONDLY' }),
    });
    const patient = new Client({ basePath, accessToken, numberOfApiCallRetries: 2 });
    assert.equal((await patient.crm.contacts.basicApi.getPage(1)).results.length, 1);
  },
};

let failed = 0;
for (const [name, step] of Object.entries(steps)) {
  try {
    await step();
    console.log(`ok   ${name}`);
  } catch (e) {
    failed++;
    console.log(`FAIL ${name}\n${e.stack}`);
  }
}
process.exit(failed ? 1 : 0);
