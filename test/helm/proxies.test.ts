import { describe, expect, test } from 'vitest';
import { prepareDeploymentTools } from '../support/deployment-tools.ts';
import { example, missingTools, notes, render } from '../support/helm-chart.ts';
import { type Members, only, specOf } from '../support/kubernetes-objects.ts';

const tools = await prepareDeploymentTools();
const noHelm = missingTools(tools, ['helm']);

describe.skipIf(noHelm !== '')(`proxies that ask ${noHelm}`, () => {
  test('only standalone leaves the listeners that are asked alone', () => {
    const services = (feature: string) =>
      render(tools.helm, feature)
        .filter(({ kind }) => kind === 'Service')
        .map(({ metadata }) => metadata.name);
    expect(services('redis')).toEqual(['gw-gatehouse']);
    expect(services('forward-auth-istio').sort()).toEqual(['gw-gatehouse', 'gw-gatehouse-authz']);
    expect(specOf(render(tools.helm, 'forward-auth-istio'), 'Service', 'gw-gatehouse-authz')).toMatchObject({
      type: 'ClusterIP',
      ports: [
        { name: 'http', port: 8082, targetPort: 'forward-auth' },
        { name: 'grpc', port: 8083, targetPort: 'grpc', appProtocol: 'kubernetes.io/h2c' },
      ],
    });
  });

  const COPIED = [
    'X-Tenant-Id',
    'X-User-Id',
    'X-Gatehouse-Assertion',
    'Authorization',
    'X-API-Key',
    'Cookie',
    'X-Company',
  ];

  test('Traefik believes no client, and copies every field that Gatehouse answers', () => {
    expect(specOf(render(tools.helm, 'forward-auth-traefik'), 'Middleware')).toEqual({
      forwardAuth: {
        address: 'http://gw-gatehouse-authz.edge.svc:8082/authz/forward',
        trustForwardHeader: false,
        authResponseHeaders: COPIED,
      },
    });
  });

  test('Envoy Gateway asks from another namespace by a grant, and closes when it gets no answer', () => {
    const objects = render(tools.helm, 'forward-auth-envoy-gateway');
    expect(only(objects, 'SecurityPolicy').metadata.namespace).toBe('shop');
    expect(specOf(objects, 'SecurityPolicy')).toMatchObject({
      extAuth: {
        failOpen: false,
        statusOnError: 503,
        grpc: { backendRefs: [{ name: 'gw-gatehouse-authz', namespace: 'edge', port: 8083 }] },
      },
    });
    expect(specOf(objects, 'ReferenceGrant')).toEqual({
      from: [{ group: 'gateway.envoyproxy.io', kind: 'SecurityPolicy', namespace: 'shop' }],
      to: [{ group: '', kind: 'Service', name: 'gw-gatehouse-authz' }],
    });
  });

  test('Envoy Gateway by HTTP sends what is decided by, and takes out what it is told to', () => {
    const { extAuth } = specOf(render(tools.helm, 'forward-auth-envoy-gateway-http'), 'SecurityPolicy') as {
      readonly extAuth: { readonly headersToExtAuth: readonly string[] } & Members;
    };
    expect(extAuth['http']).toMatchObject({
      path: '/authz/envoy',
      headersToBackend: [...COPIED, 'x-envoy-auth-headers-to-remove'],
    });
    expect(extAuth.headersToExtAuth).toEqual(
      expect.arrayContaining([
        'X-API-Key',
        'Cookie',
        'X-Company',
        'X-Forwarded-For',
        'X-Forwarded-Proto',
        'Origin',
      ]),
    );
  });

  test('fields are those of every upstream and route, under the names that they have', () => {
    const { config } = {
      config: {
        listen: { forwardAuth: { address: '0.0.0.0:8082', peers: ['10.0.0.0/8'] } },
        store: { redis: { url: '${env:REDIS_URL}' } },
        apiKeys: { header: 'X-Key' },
        upstreams: {
          one: { targets: [], identity: { signature: {}, assertion: { field: 'X-Proof' } } },
          two: {
            targets: [],
            identity: { fields: { 'X-Org': '{tenant.id}' } },
            credentials: { fields: { 'X-Legacy': 'a' } },
          },
        },
        routes: [],
      },
    };
    const objects = render(tools.helm, undefined, {
      mode: 'forwardAuth',
      config,
      forwardAuth: { traefik: { enabled: true } },
    });
    expect(specOf(objects, 'Middleware')).toMatchObject({
      forwardAuth: {
        authResponseHeaders: [
          'X-Proof',
          'Signature-Input',
          'Signature',
          'X-Org',
          'X-Legacy',
          'Authorization',
          'X-Key',
          'Cookie',
        ],
      },
    });
  });

  test('Istio asks where it is told to, by the provider that NOTES describe', () => {
    const policy = only(render(tools.helm, 'forward-auth-istio'), 'AuthorizationPolicy');
    expect(policy.metadata.namespace).toBe('istio-ingress');
    expect(policy.spec).toEqual({
      selector: { matchLabels: { istio: 'ingressgateway' } },
      action: 'CUSTOM',
      provider: { name: 'gatehouse' },
      rules: [{ to: [{ operation: { hosts: ['*.api.example.com'] } }] }],
    });
    const text = notes(tools.helm, 'forward-auth-istio');
    expect(text).toContain('- name: gatehouse\n         envoyExtAuthzGrpc:');
    expect(text).toContain('service: gw-gatehouse-authz.edge.svc.cluster.local');
    expect(text).toContain('failOpen: false');
  });

  test('the annotations of the ingress-nginx example are those that NOTES print', () => {
    const text = notes(tools.helm, 'forward-auth-traefik');
    const { annotations = {} } = only(example('ingress-nginx'), 'Ingress').metadata;
    expect(Object.keys(annotations)).toHaveLength(2);
    for (const [name, value] of Object.entries(annotations)) expect(text).toContain(`${name}: ${value}\n`);
  });
});
