//! Texts with secrets in them, all made up. `«KIND|secret»` marks what is to be taken out and as what; `·` is not part of the text, it keeps those
//! who scan this repository for secrets from finding these.

/// The texts.
pub const SECRETS: &[&str] = &[
    r#"export OPENAI_API_KEY=«OpenAI key|sk-·U8JZpDE0iGXlD6gNCFbaT3BlbkFJEPFjbD0kH8Oool8DklZD»"#,
    r#"client = OpenAI(api_key="«OpenAI key|sk-proj-·OFRl1SPnXNYvMIHa-2o76umfXfKm-r5kJP1VrT_1FJors-6ILi8IHn5kxsC7tVO-HbkQfyy-KV5zjR3j1twdTKWTddB_XhkAS1voQG6yyzyN9zHYIa4UOrGG»")"#,
    r#"the key is «OpenAI key|sk-svcacct-·ATMuDJawTgsu8PO_799nKSNrh9UCauSDmLhuVtcqcYezdZ-tDDj8hYs5suKcNd8Zra9A9sKPxy»."#,
    r#"ANTHROPIC_API_KEY: «Anthropic key|sk-ant-·api03-tZ9W3qLy7zKUVQDT7S8sTQCBNR3YbDgbleph1QHt61QTC4XATWS8PHp9NHfYjFM5DI4pZj59fhZ5R1Py4oJe2JbmPTuSQAA»"#,
    r#"x-api-key: «Anthropic key|sk-ant-·admin01-4R7cMy_UcU3zr1ZtoLuCr64CxqlIOdNKhiFXiQ2hzT-pLjHX2JiCLhKcIhP6Br1iQFeOUhGXZnnal5WisCgEBCY8f5N3qAA»\r\n"#,
    r#"«OpenRouter key|sk-or-·v1-fc967a64cb14028d512c9791e558e08baa7196b50ac2f86702824c1c099724ca»"#,
    r#"aws_access_key_id = «AWS access key|AKIA·7JSJC3IBOFBCIXGY»
aws_secret_access_key = «AWS secret key|5GCf+hA6ILI8gJhead6/wJ9kFZJSqgmRB9H+iMb+»"#,
    r#"{"AccessKeyId": "«AWS access key|ASIA·SS555HMTF6BS5E4R»", "SecretAccessKey": "«AWS secret key|xaaJLShuQjOud/+yDUA+5zmS1swoPqApryPZBlgv»"}"#,
    r#"git clone https://«GitHub token|ghp_·EZY3lEX7bwR2DRGD1qSo7JPRbgUMxXy9b4Bz»@github.com/o/r"#,
    r#"https://x-access-token:«GitHub token|ghs_·woZ648jjNuFD7uacnwIp3SfD67jIKeaVSTQv»@github.com/o/r.git"#,
    r#"GITHUB_TOKEN=«GitHub token|gho_·vpQZpPTejqZHKpKENg5zfjOc6VwcbIjMPFLV» gh pr list"#,
    r#"«GitHub token|github_pat_·jFUPXQzkM4Bv3aYavhNYRV_wDfRk9XIrghoy32NFR5PYZpcb9T2039BICbtw5ze9lfAEZ7770h2dcPyGOJ»"#,
    r#"PRIVATE-TOKEN: «GitLab token|glpat-·JN6KFAQdEmQg3OMJmYxQ»"#,
    r#"«GitLab token|glpat-·OABm6jof8efD0nHCY-1Kgd2vd-C.01.v0xzmas6e»"#,
    r#"SLACK=«Slack token|xoxb-·642047286424-4526038694230-Tx0MOdOQw4SG8nfnL5Ofa6qD»"#,
    r#"«Slack token|xoxp-·756909927757-157524472604-1413231469756-4d115cea325a65e19cbae530282bd36c»"#,
    r#"curl -X POST https://hooks.slack.com/services/«Slack webhook|TWT3FD6MX/B4MUX6B2PZ·/CYCdEz6DQMvE5mVXRV99nCQv» -d x"#,
    r#"https://discord.com/api/webhooks/«Discord webhook|895028552993304740·/UjmAIDdN87xg3-Q-XBmTepo6uKZyUf0IE9pU2NJhKaM1-5WdR16ePlljivghZ4fXfeTS»"#,
    r#"key={«Google key|AIza·4YpIygfdM7ENA8d5vFldPGYYJvW5hANsbEX»}"#,
    r#"https://maps.googleapis.com/maps/api/js?key=«Google key|AIza·VSFagEaBp0vXnJaE-9I0MyTLUyi0kn1Gnta»&callback=init"#,
    r#""client_secret":"«Google secret|GOCSPX-·aCuZyzaA3U2OLzu6UQBGSyLvVSsS»""#,
    r#"access «Google token|ya29.·KVINx_ZmQF9oGxLUczZ8XbFzUxtPTfYFEpPx6n1nf2xv54WCA_7e56W8zNIQt3uL4FFQKoKGwRDIOYQ_kVcIsgUpj6Sg9aheovEZXzUjpwVhOGu5NgyvhwvSuqK4dWGlgnoAEcTl31uGQ_dFCGAtmG»"#,
    r#"stripe.api_key = '«Stripe key|sk_live_·hWiOalTlINXn1eKIA7zPtJcG»'"#,
    r#"STRIPE_SECRET=«Stripe key|sk_test_·51EoJ3qyRZzQ9ADp0j5Wmplcm7hufPK5ACDiBZLPKD6xGAnjq8MJaMhmpgppa0nLgTEToD4uyetiAY2bv6dFvpcLOGQOpCHV5v7»"#,
    r#"«Stripe key|rk_live_·s82QtDRojrbry6hQSp795NF4» and «webhook secret|whsec_·gAKQ5P1vM8Kv6UM4YVmPY62o6sq1iee1»"#,
    r#"//packages.example.com/:_authToken=«npm token|npm_·hsA2Bb9uOk4TyNZnlEk6KJCBHGn7KWJsBBCI»"#,
    r#"password = «PyPI token|pypi-·AgEIcHlwaS5vcmcsFIFIuZIxNfaaOEELk9MQMalor2hCsgkGvp8kD0D3Ms8GbLkV3AZkGAs_M_X-shUkbd-VOK_NptMzyL2Dvamh2Vwd6QEspT5pV74gdQq7eYimTTfpsUepYhNVNZxTSmm3jZNNjax7EBz3cl7CSgzAf31ddXP63oQ»"#,
    r#"login(token="«Hugging Face token|hf_·osGaPyZttoKQbedBnahrqLpUxAYfGCQiNK»")"#,
    r#"AZURE_CLIENT_SECRET=«Azure secret|ty88Q~·8ZsM6a8Cvr06aXyPtHgjwzHBJ11thNcmz8»"#,
    r#"AZURE_CLIENT_SECRET: «Azure secret|9hO8Q~·zy7bVQIY8cSt07lQ8tdiwg2X9Ajtfmp9_b»"#,
    r#"DefaultEndpointsProtocol=https;AccountName=box;AccountKey=«Azure key|KuTmxHKpRsBBaJlgMSdX5sTazVLmZ/bK4OPh1dR8/H97S+f/VAUp7/l7v21JXuDCFqM9+SEb1QrMur8ak3r2gG·==»;EndpointSuffix=core.windows.net"#,
    r#"Endpoint=sb://bus.example.net/;SharedAccessKeyName=Root;SharedAccessKey=«Azure key|llt/zqisa/PqYomQLFzzGzmNAFY8HwSKbF6WMXE1MBv·=»"#,
    r#"SENDGRID=«SendGrid key|SG.·3RnhmX1EoC3G-FP1z5IBxm.lT80NK8bTB2ABPLbPQ8Cjf5XGuSKl-6gGEBHBKxnnV9»"#,
    r#"twilio: «Twilio key|SK·f1abef543b5dfce8a981a049d7ccc7e9»"#,
    r#"TWILIO_AUTH_TOKEN=«token|0a88d519448fb2fc6791ce680ce2b27c·»"#,
    r#"«Databricks token|dapi·8af6666259bbc471fb3be24a0b80316f», «DigitalOcean token|dop_v1_·688d3e481a65c2011bef2c328a72c5e5b77518b1018f134a069e3fab8c3bfc5e»"#,
    r#"«Shopify token|shpat_·740e61572b4e3c02eaa7f3b4a715e4e4»"#,
    r#"«Groq key|gsk_·RaaPJBRk1SVzKQfGUd5eHJgDo5yq7Nje1SHQwMXbQP7PGYSa5KD1»"#,
    r#"«Vault token|hvs.·ulSC4rR4AkXu3F0bjXRXdWZKL-jWaRYnZBI0Hsqk-LB09RifXuEUvAt5JPtfpwHlN-5DRCfLcXVNngDCMYhC7e4NsMWFiPd»"#,
    r#"VAULT_TOKEN: "«Vault token|hvs.·fjOPPzRddS7yVCx1EyGurze1»""#,
    r#"«Notion token|ntn_·Vtb1kz6U0Z2jDUhJ9r7WP3bqoAXGhLEUbMgqBOIaZx7doC» «Linear key|lin_api_·z44CC3pnR6rnRoiz7CnGQHhAbP8CSHTWpKHDm996» «Grafana token|glsa_·g5RFdli7JcHgI4S6akSRPvFviS1dnskO_c6be9ff9»"#,
    r#"«age key|AGE-SECRET-KEY-1·P04WVCEQK2055L3JDJRP2YKURCUKXWF64KGV3X73G6XQ68LEF638CUAJKJ»"#,
    r#"cookie: session=«JSON Web Token|eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9·.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkFkYSIsImlhdCI6MTUxNjIzOTAyMn0.WyxpA-w4mXmS3wdLqpfpa2BDGg-mn33x7tFs5BIdM0X»; path=/"#,
    r#"Authorization: Bearer «JSON Web Token|eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9·.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkFkYSIsImlhdCI6MTUxNjIzOTAyMn0.gzTY1_z4rLVuouJnWOlr1UlaY0XHNtF0BAnAmyMBDZL»"#,
    r#"Authorization: Bearer «bearer token|fiSZ0PSUNDMJV_73HBpSetjVEiMIsY5xCGcyF4Gn·»"#,
    r#"-H 'authorization: bearer «bearer token|ppocklua3t0q5epyo0tz5bpflkwylasz·»'"#,
    r#"fetch(u, { headers: { 'Authorization': 'Bearer «bearer token|jXHVi3YVZpE9Hb06WjPYMdSWPbCRqBVz·»' } })"#,
    r#"Authorization: Basic «basic credentials|YWRtaW46VHIwdWI0ZG9yJjM=·»"#,
    r#"Authorization: token «credentials|4742684ee75bb6cc69f67e48eb7c64328c0490c2·»"#,
    r#""auths": { "hub.example.com": { "auth": "«credentials|YWRhOmh1bnRlcjIy·»" } }"#,
    r#"DATABASE_URL=postgres://app:«password|s3cr·et»@db.internal:5432/app"#,
    r#"redis://:«password|pQ9·zz7»@cache:6379/0 and amqp://guest:«password|gu3·st»@mq"#,
    r#"mongodb+srv://root:«password|p%40ss·word1»@cluster0.example.net/?retryWrites=true"#,
    r#"Server=db;Database=app;User Id=sa;Password=«password|Pa55·w0rd!»;Encrypt=true"#,
    r#"password = "«password|hunter·2»""#,
    r#"const DB_PASSWORD: &str = "«password|tr1cky·Horse»";"#,
    r#"const apiKey: string = '«API key|loumge9x6tmetfosizswz3irlbxw0b3p·»';"#,
    r#"  password: «password|hunter·22»
  user: ada"#,
    r#"spring.datasource.password=«password|Qw3rty·zz»"#,
    r#"DB_PASS=«password|Xk29!p&7·ab»
NEXT=1"#,
    r#"{"token": "«token|2ZW5oGLSHR6muOtrCZCmKbMwTJYvCjToo8Lk1Okf·»", "user": "ada"}"#,
    r#"{"arguments":"{\"password\": \"«password|hunt3r·two»\", \"path\": \"/x\"}"}"#,
    r#"{"text":"line\n«OpenAI key|sk-·thQ7bqrkW7AH1wxpS5C42lmsDPrHCyUNx6Wv6FasvZvn1ORh»\nmore"}"#,
    r#"{"cmd":"export API_TOKEN=«token|2bdeae16d4f6185578715bbd26944ff770e4b944·»\ncurl x"}"#,
    r#"\u001b[31m«GitHub token|ghp_·lkPVo0Hjbw8KrqJmd1xZ1NHsSAXfNCD5RTMH»\u001b[0m"#,
    r#"api_key: «API key|9e35aeeb95210ef2a83fdf6a0b298724·»"#,
    r#"X-Api-Key: «API key|vBBxZ1JSXL9oh257rKGyu1TvnUYLp0WU·»"#,
    r#"HEROKU_API_KEY=«API key|12e4567a·-e89b-12d3-a456-426614174abc»"#,
    r#"GET /v1?api_key=«API key|7b4b87113c16fdf5924754ec21ef66b0·»&page=2"#,
    r#"?sv=2022-11-02&sig=«signature|C1n21ygbJSEqDgta4VEcAq90L5uKYSAczkrWkMeFiUh·%3D»&se=2026"#,
    r#"deploy --token «token|dbi6o3JZ9mnFzzDurVmqTkka8XeqpIT3Vh4oB2MO·» --force"#,
    r#"["login", "--password", "«password|c0rrect·horse»"]"#,
    r#"<server><password>«password|S3cret·Pass»</password></server>"#,
    r#"os.environ["SECRET_KEY"] = "«secret|rvcsFJqlXjl8aXhPkcZQHOL94MjvHO31QpGMhqQtfOjdOiksHv·»""#,
    r#"SECRET_KEY = '«secret|gK0J4RON6yVY8LRvHzeGvFBb6mPR2LZOtVurBgPevt_FtMtpOC·»'"#,
    r#"config.set_password("«password|xK9v·Lm2QpR7t»")"#,
    r#"if token == "«token|76rPQWMscB1lcHyBfHEzQLJj7S3rqY1J·»":"#,
    r#"secret => '«secret|q8r2abvj564ccelz4k2zo7exv7ntic·»',"#,
    r#"secret := "«secret|65beaecba0afa707e1448c828b4136d3b97429ab7bca1aafb77b4460ecec9524·»""#,
    r#"PASSWORD="«password|p@ss·phrase!»""#,
    r#"秘密は«OpenAI key|sk-·TuTQukjq79VE6Ml7FlLTlWdWxsbu37E1fU5LR5QiBwKoRPtB»です"#,
    r#"before
«private key|-----BEGIN RSA PRIVATE KEY·-----
bGz5ZkMZeHQGKJrRAYiBpDbppD+zrWH1FLq/zg7BDooH1qULCTaSLtu2sTqdh9En
6jujQgB8MuTdzLDRPHaXhuTWUDsf4/bsx6bpDNBIzsHdw0wcDgCh3edtap2jm/bU
9iRmkLqA+fUo5bGauF4X3RmDOTBRmTtMV7yL1ryqEeZBERd3NCGoIOP+R2AWcSOt
/JsbcJiWBhiIFZG0uiBpF6kq0iz2o1xTxx0SAegweZOLEGzp4o6A88rwewtIyipJ
chh8s9cSIuaVueWT6WFpwu2P0TgwNu==
-----END RSA PRIVATE KEY-----»
after"#,
    r#"{"private_key": "«private key|-----BEGIN PRIVATE KEY·-----\nbGz5ZkMZeHQGKJrRAYiBpDbppD+zrWH1FLq/zg7BDooH1qULCTaSLtu2sTqdh9En\n6jujQgB8MuTdzLDRPHaXhuTWUDsf4/bsx6bpDNBIzsHdw0wcDgCh3edtap2jm/bU\n9iRmkLqA+fUo5bGauF4X3RmDOTBRmTtMV7yL1ryqEeZBERd3NCGoIOP+R2AWcSOt\n/JsbcJiWBhiIFZG0uiBpF6kq0iz2o1xTxx0SAegweZOLEGzp4o6A88rwewtIyipJ\nchh8s9cSIuaVueWT6WFpwu2P0TgwNu==\n-----END PRIVATE KEY-----»\n", "client_id": "1"}"#,
    r#"«private key|-----BEGIN OPENSSH PRIVATE KEY·-----
tm5Ljyl5O59WTAQu+evrwgCZAhHWnjpgeh4L/LZQ2lvF4wuFl03gtexQYvIaqJK5wy1/DN
77318WI4y+RBdZzFlqx6PLcJBN/Lb6HZq9H1R0GSpqYAXjhLoxgmy1Gnmfw3gnZQGav7+S»
"#,
    r#"KEY = ("«private key|-----BEGIN EC PRIVATE KEY·-----\n"
  "urZ6GoBI0pEjc4lZa6z4aaHX3PGRJ/XBV/clbUSaM7MZLG1cg42THRFU5ldoTnhp\n"
  "-----END EC PRIVATE KEY-----»\n")"#,
    "«private key|-----BEGIN PRIVATE KEY·-----\ntm5Ljyl5O59WTAQu+evrwgCZAhHWnjpgeh4L/LZQ2lvF4wuFl03gtexQYvIaqJK5wy1/DN»\nThen he said: no.",
];
