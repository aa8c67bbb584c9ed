"""Words by which names of people are told from other levels; one that can be either is in no list."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PARTICLES = _words("""
al bin da de del den der di dos du el la le ten ter van von y zu
""")
"""Words within names."""
TITLES = _words("""
dr frau herr miss mlle mme mr mrs ms prof sir
""")
PERSONS = _words("""
actor agent applicant artist author cashier child clerk client coach contact customer director doctor driver
employee family first full given guardian guest host last maiden manager member middle nick nurse owner parent
passenger patient person player seller singer student teacher user
""")
"""Words before "name" in names of columns that hold names of people."""
ROLES = _words("""
actor artist author coach doctor nurse seller singer teacher
""")
"""Names of columns that mostly hold names of people."""
ANSWERS = _words("""
0 1 f false n na no none other t true unknown y yes
""")
"""Levels that tell nothing, whatever the column is called."""
GIVEN = _words("""
aaron abdul abdullah abigail ada adam adrian agnieszka ahmad ahmed ahn aino aisha akira alan alejandro alessandro
alex alexander alexandra ali alice amanda amina amit amy ana ananya anders andre andrea andreas andrew angela anil
anita anjali ann anna anne anthony antonio anya aoife arjun arthur ashley astrid ayse barack barbara beatrice
beatriz benjamin bernd betty bilal bill birgit bjorn bob bogdan boris brandon brenda brian brittany bruno camila
camille carla carlos carol carolin caroline catherine charles charlie chen cheryl chidi chloe chris christine
christopher claire claudia craig cynthia daniel daniela dave david deborah debra deepak denis dennis diana diego
dieter dmitri dmitry donald donna dorothy edsger eduardo edward eero elena elif elisabeth elizabeth ella emil emily
emma emre enrico eric erik ethan eva evelyn fatima fatimah fatma fatou federica felix fernando francesca francesco
francisco francois fred gabor gabriel gareth george gerhard giovanni giulia giuseppe gloria graham greg gregory
guillaume gustav gustavo hanna hannah hans harold harry haruto hasan hassan heather heidi helen henrik henry hiroshi
huseyin ian ibrahim ignacio igor ilona imran ines ingrid ionut irina isabel isabella isabelle istvan ivan jack jacob
jacqueline jakub james jamie jan jane janet jason javier jean jeff jeffrey jennifer jeremy jerry jessica jesus jiri
jisoo joan joanna joao joaquin joe johan johann johannes john jonas jonathan jorge jose joseph joshua juan juanita
judith judy julia julie julien jurgen justin karen karin karl katarzyna kate katharina katherine kathleen katja
kavita keith kelly ken kenji kenneth kevin khalid kimberly kirsten klaus krzysztof kwame kyle lakshmi larry lars
laura laurent layla lea leila lena leon lewis liam linda linh lisa lorenzo louis louise luca lucas lucia lucy luis
luisa lukas magdalena magnus malgorzata manuel manuela marco marcus margaret maria marie marilyn mario markus marta
martin martina mary maryam mateo matt matteo matthew matthias mehmet mei melissa mette mia michael michal michel
michelle miguel mikael mike mikhail minh minjun mohamed mohammad mohammed monica monika monique muhammad mustafa
nadia nancy naoko nasser natalia natalie nathalie nathan neha neil ngozi nguyen niamh nicholas nick nicolas nicole
nigel nikolai nils nina noah noor olga oliver olivia olivier omar oscar oskar pablo pamela paolo pascal patricia
patrick paul paula pavel pedro peter petr petra phil philip philipp pierre pilar piotr pooja priya priyanka rachel
radu rafael rahul raj rajesh ralph ramesh rasmus ravi raymond rebecca rhys ricardo richard robert roberto rocio
rodrigo rodrigues roger rohit ron ronald rosa rosemary ruth ryan sabine sakura samantha samira samuel sandra sanjay
sara sarah satoshi scott sean sebastian sergei sergey sergio sharon shirley siddharth simon simone sinead siobhan
sofia sophia sophie soren stefan stefanie stefano stephanie stephen steve steven stuart sunil sunita suresh susan
susanne sven svetlana sylvie takashi tariq tatiana ted teresa terry theresa thiago thierry thomas thuy tim timothy
tobias tom tomas tomasz ursula valentina valerie vanessa vasile veronica victor vijay vikram viktor vincent vladimir
walter wei werner wilhelm william wolfgang xavier ximena yan yasmin yoko yui yuki yusuf yves zachary zainab zeynep
zoe zoltan zuzana
""")
"""Frequent given names of many countries that are not words or places too, without accents."""
FAMILY_SIGNS = frozenset(
    "王李张刘陈杨赵吴徐孙朱胡郭何林罗郑梁谢宋唐许韩冯邓曹彭曾萧董袁潘蒋蔡杜苏魏吕沈姚卢김이박최정강조윤임오권황안송류홍"
)
"""The characters that most Chinese and Korean names begin with, without those that begin many other words."""
FAMILY = _words("""
adams alvarez anderson andersson bailey bakker becker bennett bianchi campbell castillo chavez choi clark cruz davis
demir diaz dubois durand edwards esposito evans fischer flores garcia gomez gonzalez gupta gutierrez hansen harris
hernandez hoffmann hughes ivanov ivanova jansen jimenez johansson johnson jones karlsson kobayashi kowalski kumar
lefebvre leroy liu lopez lovelace martinez mendoza meyer mitchell moore morales moreau morris muller murphy nakamura
nilsson novak oliveira olsen ortiz patel pedersen pereira perez peterson petrov petrova phillips ramirez ramos reyes
richardson roberts robinson rodriguez rogers ross rossi ruiz sanchez sato schmidt schneider schulz sharma silva
singh smith souza stewart takahashi tanaka thompson torres tran turing wagner wang watson weber williams wilson
yamamoto yilmaz zhang zhao анна елена иван иванов иванова мария ольга петров петрова сергеи
""")
"""Frequent family names that are not words or places too, without accents."""
ORDINARY = _words("""
ac academy account acura adidas administrator adult advanced advisor afghanistan africa african agree agriculture
air airline airlines airport alabama alarm alaska albania alert alfa algebra algeria almond am amazon america
american amsterdam analyst and android anemia angeles animal ant anthropology apartment apple apr apricot april
architect area arena argentina arizona arkansas armenia art arthritis artisan asia asian asparagus associate asthma
aston athens atlanta audi aug august australia australian austria autumn avenue average avocado baby bachelor back
bad badger bakery ball baltimore banana bangkok bangladesh bank barcelona basic basketball bat bay beach beagle bean
bear beaver bed bee beef beer beetle beijing belarus belgium benign bentley benz berlin berry best beverages bicycle
big bike biology bird birmingham bison blood blue bmw board boat body bogota bolivia book border boston bottle box
boxer brand brazil bread breakfast bridge bright british broccoli broken brussels budapest buddhist budget buenos
buick building bulgaria bulldog burger bus business butter butterfly cabbage cabernet cable cadillac cairo cake
california cambodia camel camera cameroon canada canal cancer canyon capital car carbon carcinoma card care cargo
carolina carrot casual cat category caterpillar catholic cattle cauliflower celery cell center central centre
certificate chain chair channel cheese cheetah chef chemical chemistry chest chevrolet chicago chicken chief
chihuahua chile china chinese chocolate chrysler church cigar circle citroen city civil class classic clean clear
clerk cleveland closed cloud cloudy club coach coast coat coca coconut coffee cola cold college collie cologne
colombia color colorado colour comedy commercial common community company complete computer connecticut consultant
consumer contract control cool coon coordinator copenhagen corn corporate corporation cotton council country county
course court cow coyote crab crane cream credit creek croatia crossing crow crude cruiser cuba cucumber culture
customer cycle cyprus dacia daily dakota dallas dalmatian dane dark data dataset dealer debit debt dec december deep
deer default degree delaware delhi delivery denmark dental denver department desert design designer desk detached
detector detroit developer device diabetes diesel digital dining dinner direct director disagree disk district
division doctor dodge dog dollar dolphin donkey door doors double down dragon dragonfly drama dress drink drive
driver dry dubai dublin duck dutch eagle early earth east eastern economy ecuador edge edinburgh education egg
eggplant eggs egypt eight electric electronic elementary elephant elk email emergency empire employed employee
employer empty energy engine engineer engineering england english equipment error estate estonia ethiopia europe
european evening event ever every excellent executive exempt express extra eye face factory failed failure fair
falcon fall false family farm farmer farming fast fc feb federal fee female ferrari ferret fever fiat fiction
finance finch finland fire first fish fishing fitness five flamingo flat flight floor florida flower fluid food foot
football forest form fort forward four fox france frankfurt freight french fresh freshwater friday frog fruit fuel
full furniture galaxy game garage garden garlic gas gate gazelle gecko general generic geneva geography geometry
german germany ghana giant giraffe glasgow glass global gmc goat gold golden golf good goods google goose gorilla
government grade graduate grain grand grape grass grasshopper great greece greek greyhound ground group guard
guatemala guest gulf gym habitat hair half hamburg hamster hand hard hardware hare hatchback hawaii hawk hazelnut
head health heart heat heavy hedgehog height heights help helper helsinki high highway hindu hip hippo hispanic
history hockey hold holiday home honda honduras hongkong hop hornet horror horse hospital hot hotel hound hour house
household housing houston human hungary husky hybrid hyena hyundai ice iceland idaho iguana illinois import income
independent india indian indiana indonesia industrial industry infant infiniti influenza inpatient input inspector
instant insurance intel interest interior intern internal international invalid iowa iphone iran iraq ireland iron
islam island islands israel issue istanbul isuzu italian italy item jaguar jakarta jamaica january japan japanese
jazz jeep jellyfish jersey jewish job johannesburg journal juice jul july jun june junior kangaroo kansas karachi
kentucky kenya kia kindle kingdom kitchen kiwi koala korea kuwait kyiv labor laboratory labour labrador lady lagos
lahore lamborghini land large laser last late latvia law lawyer lead leader leaf leather lebanon leeds left leg
legal lemon leopard lettuce level lexus liberal library libya license life light lima limited line linguistics lion
liquid lisbon list listing literature lithuania little live liver liverpool lizard llama loan lobster local lodge
lodgepole london loss louisiana lounge low lower luxembourg luxury lynx machine machinery madrid magazine mail main
maine maintenance major malaysia male malignant man management manager manchester mango manila manual mar march
market marketing married martial maryland maserati mass massachusetts master match material math mathematics mau
mazda meal meat media medical medicine medium meeting melanoma melbourne melon member memory men mercedes metal
mexican mexico miami michigan microsoft mid middle midlands milan mile military milk mill mineral mining minneapolis
minnesota minor missing mississippi missouri mitsubishi mixed mobile mode model modern monday money montana month
monthly montreal moose morning morocco moscow mosquito moth motor motors mountain mouse movie multi mumbai munich
museum mushroom music muslim nairobi naples national native natural nature near nebraska negative nepal net
netherlands network neutral nevada never nevus new news next nicaragua nigeria night nike nine nissan no nokia non
none noodle noon normal north northeast northern northwest northwestern norway not notebook nov november nurse nut
ocean oct october octopus office officer official ohio oil ok oklahoma old onion online only opel open operator
option optional orange orca order oregon organic original orleans orthodox osaka oslo ostrich other otter outer
outpatient output outside over owl owner ox package paid paint pakistan palermo panama panda panel panther papaya
paper paraguay parcel parking parrot part partial partly partner party passenger past pasta patient pay payment
peach pear pelican pending penguin pennsylvania pension people pepper pepsi period persian person personal peru
petrol peugeot pharmacy philadelphia philippines philosophy phoenix phone photo physical physician physics piano pie
pig pigeon pigs pilot pine pineapple pink pinot pittsburgh pizza place plan plane planet plant plastic plate
platform play player pleasant plum plus pm pneumonia pointer poland police policy ponderosa pontiac poodle pool poor
pop porcupine porsche port portugal positive post postal potato pound power practitioner prague premium president
previous primary prime printer prison private pro problem process product production professional professor program
progress project property protestant psychology public pug pulp puma pump pumpkin purchase purple qatar quarter
quick rabbit raccoon radio railway rain rainbow rainy random rank rapid rare raspberry rat rate ratio raven raw real
rear red refund reggae region regional regular rejected related religion renault renewable rent rental repair report
representative research reserve resident resource resources restaurant retail retired retriever return rhino right
ring rio risk river road robot rock roll roman romance romania rome roof room rotterdam round route rover royal
rubber rugby running rural russia russian saab sacramento safe safety salad salamander sale sales salmon salt same
samsung san sand sandwich santa satellite saturday sauce sausage sauvignon scale school science sciences scientist
scorpion scotland sea seal season seat seattle second secondary secret secretary section sector security sedan seed
self semi senior seoul sep sept september serbia serious service services set setter seven shade shanghai share
shark sheep shepherd ship shipping shirt shoe shop short shorthair shrimp siamese siberian side silver singapore
single site six size skin skoda skunk sky sleep slim slovakia slovenia slow small smart smoke snack snail snake snow
social sociology sodium soft software soil solar sold solid somalia some sony sound soup south southeast southern
southwest southwestern soy space spaghetti spain spaniel spanish special specialist speed spice spider spinach sport
sports spring square squirrel staff stage stainless standard star starling start state states station statistics
status steak steel stock stockholm store stork storm stormy strawberry street stroke strong strongly student studio
study stuttgart style sub subaru suburban sudan sugar suite summer sun sunday sunny super supervisor supplier
supplies supply support surface surgeon surgery surprise sushi suzuki swallow swan sweden sweet swimming switzerland
sydney syria system table tablet taco tail taiwan tank tanzania tarantula tax tea teacher team tech technical
technician technology telephone temporary ten tennessee tennis terrace terrier territory tesla test texas text
thailand theater theatre third three thriller thursday tiger time tire tobacco tokyo tomato tool top toronto
tortoise total toucan tour tourist tower town township toy toyota track trade traffic trailer train training
transfer transit transport travel treatment tree trial trip tropical truck true trust tuesday tumor tuna tunisia
turin turkey turtle tv two type uganda ukraine unemployed union unit united universal university unknown unmarried
upper urban urgent uruguay used user utah utility valid valley value vancouver vegas vegetable vegetables vehicle
venezuela venice vermont very veterinarian video vienna vietnam villa village vintage virginia visitor volkswagen
volume volvo vulture wagon wales walnut walrus warbler warehouse warm warsaw washington wasp waste water weather web
wednesday week weekend weekly weight western whale wheat wheel whole wide widow wild wind windows windy wine winter
wire wisconsin without wolf woman women woodpecker wool work worker working world worm wyoming yard year yearly
yellow yemen yes york yorkshire youth zambia zealand zebra zero zimbabwe zone zurich
""")
"""Words of what is counted in tables: places, products, jobs, animals, grades."""
